import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EMPTY_WHEN_DONE, STEADY_TEXTS, steadyPath } from "./exclude.ts";
import { put } from "./parse.ts";
import type { Section } from "./types.ts";

const WALK = readFileSync(fileURLToPath(new URL("./walk.pl", import.meta.url)));
const FIELDS = 9;
const CHUNK = Buffer.allocUnsafe(1 << 20);

/**
 * Every file of a host, seen from the machine through its PID 1's root, so that nothing on the host is run, trusted or
 * changed by looking. Paths are read as Latin-1, which keeps any bytes apart.
 */
export async function readFiles(leader: number, excluded: readonly string[]): Promise<Section> {
  const root = `/proc/${leader}/root`;
  const fields = (await walk(root, excluded)).toString("latin1").split("\0");
  const hashes = new Map<string, string>();
  const files: Record<string, Record<string, string>> = {};
  for (let at = 0; at + FIELDS <= fields.length; at += FIELDS) {
    const [path = "", type = "", mode = "", uid, gid, device, inode, more = "", xattrs = ""] = fields.slice(
      at,
      at + FIELDS,
    );
    if (EMPTY_WHEN_DONE.includes(path)) continue;
    const key = `${device}:${inode}`;
    const entry: Record<string, string> = { type, mode, owner: `${uid}:${gid}` };
    if (type === "file") {
      const sha256 = hashes.get(key) ?? hashOf(Buffer.from(`${root}${path}`, "latin1"), STEADY_TEXTS.get(path));
      hashes.set(key, sha256);
      entry["sha256"] = sha256;
    }
    if (more !== "") entry[type === "link" ? "target" : "device"] = more;
    if (xattrs !== "") entry["xattrs"] = xattrs;
    put(files, steadyPath(path), entry);
  }
  return files;
}

function walk(root: string, excluded: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn("perl", ["-", ...excluded], { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
    const [out, words]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => words.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`the walk over ${root} ended with ${code}: ${Buffer.concat(words).toString()}`));
    });
    child.stdin.end(WALK);
  });
}

/**
 * Hashes of this process by device, inode, size and time of change, which no user of a host can set: a host's 280 MB are
 * read once, not at each look. What changed just now is not kept, as the next change may fall into the same tick.
 */
const known = new Map<string, string>();
const STEADY_MS = 2_000;

function hashOf(path: Buffer, steady?: (text: string) => string): string {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (steady)
      return createHash("sha256")
        .update(steady(readFileSync(file, "latin1")))
        .digest("hex");
    const { dev, ino, size, ctimeNs, ctimeMs } = fstatSync(file, { bigint: true });
    const key = `${dev}:${ino}:${size}:${ctimeNs}`;
    const found = known.get(key) ?? readHash(file);
    if (Date.now() - Number(ctimeMs) > STEADY_MS) known.set(key, found);
    return found;
  } catch (error) {
    // It may end while we look; and a namespace's file (`ip netns add`) takes no read(2): EINVAL.
    if (error instanceof Error && "code" in error) return `none (${String(error.code)})`;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readHash(file: number): string {
  const hash = createHash("sha256");
  for (let size = readSync(file, CHUNK); size > 0; size = readSync(file, CHUNK)) hash.update(CHUNK.subarray(0, size));
  return hash.digest("hex");
}
