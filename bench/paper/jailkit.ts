import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import type { Subject } from "./subjects.ts";
import { countTree, type TreeCount } from "./tree.ts";

/** What jailkit (Debian's package) makes of a service. */
export interface JailkitResult {
  readonly shipped: TreeCount;
  readonly shippedStarts: boolean;
  /** With all that was added by hand until it answered. */
  readonly finished: TreeCount;
  readonly finishedStarts: boolean;
  /** Attempts by hand until it answered. */
  readonly attempts: number;
}

const JAIL = "/srv/jailkit";

/** Builds a jail as jailkit ships it, then adds what the errors ask for, one attempt at a time, and counts. */
export async function measureJailkit(host: TestHost, subject: Subject): Promise<JailkitResult> {
  const { sections, programs, attempts } = subject.jailkit;
  await sh(
    host,
    `export DEBIAN_FRONTEND=noninteractive; apt-get -qq update; apt-get -qq --yes install --no-install-recommends jailkit ${subject.package} >/dev/null 2>&1; systemctl stop ${subject.unit}; mkdir -p ${JAIL}; chown root:root ${JAIL}`,
  );
  // A section may name what this release does not have: jk_init says so and goes on.
  await sh(
    host,
    `jk_init -j ${JAIL} ${sections.join(" ")} >/dev/null 2>&1 || true; for program in ${programs.join(" ")}; do jk_cp -j ${JAIL} "$program" >/dev/null 2>&1 || true; done`,
  );
  const shipped = await countTree(host, JAIL, subject.data);
  const shippedStarts = await starts(host, subject);
  let done = 0;
  let answers = shippedStarts;
  while (!answers && done < attempts.length) {
    await sh(host, `J=${JAIL}; ${attempts[done]} >/dev/null 2>&1 || true`);
    done += 1;
    answers = await starts(host, subject);
  }
  const finished = await countTree(host, JAIL, subject.data);
  await sh(
    host,
    `for at in $(awk '$5 ~ "^${JAIL}/" { print $5 }' /proc/self/mountinfo); do umount "$at"; done; rm -rf --one-file-system ${JAIL}`,
  );
  progress(`jailkit, ${subject.package}: ${done} attempts by hand, ${answers ? "answers" : "does not answer"}`);
  return { shipped, shippedStarts, finished, finishedStarts: answers, attempts: done };
}

/** Whether it answers on its port within a while, and still does a moment later. */
async function starts(host: TestHost, { jailkit, jailPort }: Subject): Promise<boolean> {
  const words = jailkit.start.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const look = `for try in $(seq 60); do systemctl -q is-active jailkit-try || exit 1; if bash -c 'exec 3<>/dev/tcp/127.0.0.1/${jailPort}' 2>/dev/null; then sleep 1; systemctl -q is-active jailkit-try && bash -c 'exec 3<>/dev/tcp/127.0.0.1/${jailPort}' && exit 0; exit 1; fi; sleep 0.25; done; exit 1`;
  const run = `systemd-run -q --unit=jailkit-try -p KillMode=control-group -p TimeoutStopSec=10 ${words} ${JAIL}; (${look}) 2>/dev/null; code=$?; systemctl stop jailkit-try 2>/dev/null; systemctl reset-failed jailkit-try 2>/dev/null; exit $code`;
  return (await host.exec(["bash", "-c", run], { reject: false, timeout: 60_000 })).exitCode === 0;
}

async function sh(host: TestHost, script: string): Promise<string> {
  return (await host.exec(["bash", "-c", script], { timeout: 300_000 })).stdout;
}
