import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Runs a function while no other process holds the lock file. The lock is the kernel's (flock(2)), held by a child that
 * ends with us, so a killed run leaves no stale lock.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const release = await take(file);
  try {
    return await work();
  } finally {
    await release();
  }
}

function take(file: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-x", file, "sh", "-c", "echo held; cat >/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      // A Ctrl-C is for us; the lock must last until our own clean-up is done.
      detached: true,
    });
    const ended = new Promise<void>((done) => child.on("close", () => done()));
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`the lock ${file} could not be taken: flock ended with ${code}`)));
    child.stdout.once("data", () =>
      resolve(() => {
        child.stdin.end();
        return ended;
      }),
    );
  });
}
