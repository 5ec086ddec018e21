import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { diffFingerprints, type Fingerprint } from "../../dev/hosts/index.ts";
import {
  answers,
  changesSince,
  expectSuccess,
  fingerprints,
  isOfOneLife,
  openSite,
  type Site,
} from "../support/site.ts";

/**
 * The first status line that shows one of these has the run killed; far from each other, so that no step comes twice. A
 * kill takes half a minute: `npm test` has one of each kind of resource, `npm run soak` all.
 */
const QUICK = [/^copying \d+ files/, /^starting jailed-/, /^validating the configuration/];
const MORE = [/^installing apache2/, /^tracing apache2/, /^making the user pj-/, /^tracing haproxy/];
const isSoak = process.env["PULUMI_JAIL_SOAK"] !== undefined;
const STEPS = isSoak ? [...QUICK, ...MORE] : QUICK;
const LEAST_STEPS = isSoak ? 10 : 4;

let site: Site;
let bare: Map<string, Fingerprint>;
let clean: Map<string, Fingerprint>;
/** Every step at which some resource was cut off, as `resource: status line`. */
const cutAt = new Set<string>();

beforeAll(async () => {
  site = await openSite("kill", ["web1", "web2", "edge"]);
  bare = await fingerprints(site.hosts.hosts);
  expectSuccess(await site.stack.up());
  clean = await fingerprints(site.hosts.hosts);
  expectSuccess(await site.stack.destroy());
});
afterAll(() => site?.close());

/** One run has three hosts at work at once, so each kill cuts off up to three steps. */
describe("kill -9 of the CLI, the program and the provider in the middle of a create", () => {
  it.each(STEPS)("at %s: the next up finishes, nothing is double, destroy leaves nothing", async (step) => {
    const killer = new AbortController();
    const running = new Map<string, string>();
    const killed = await site.stack.up({
      signal: killer.signal,
      onDiagnostic: ({ ephemeral, message, urn }) => {
        if (!ephemeral || killer.signal.aborted) return;
        running.set(urn?.split("::").at(-1) ?? "", message);
        if (step.test(message)) killer.abort();
      },
    });
    expect(killed.exitCode).toBeNull();
    for (const done of killed.steps) running.delete(done.failed ? "" : done.name);
    for (const [resource, status] of running) cutAt.add(`${resource}: ${status}`);

    await site.stack.cancel();
    expectSuccess(await site.stack.up());
    expect(await differencesToClean()).toEqual([]);
    const url = (await site.stack.outputs())["url"] as string;
    expect(new Set(await answers(url, 6)).size).toBe(2);
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    expectSuccess(await site.stack.destroy());
    expect(await changesSince(bare, site.hosts.hosts)).toEqual([]);
  });

  it(`was tried at ${LEAST_STEPS} or more different steps`, () => {
    console.log(`cut off at ${cutAt.size} steps:\n  ${[...cutAt].sort().join("\n  ")}`);
    expect(cutAt.size).toBeGreaterThanOrEqual(LEAST_STEPS);
  });
});

/** Claims are drawn anew by every create; all else has to be as after a create that nobody disturbed. */
async function differencesToClean(): Promise<string[]> {
  const now = await fingerprints(site.hosts.hosts);
  return site.hosts.hosts.flatMap((host) => {
    const [before, after] = [clean.get(host.name), now.get(host.name)];
    if (!before || !after) return [];
    return diffFingerprints(before, after)
      .filter((line) => !isOfOneLife(line))
      .map((line) => `${host.name}: ${line}`);
  });
}
