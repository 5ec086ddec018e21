import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fingerprint } from "../../dev/hosts/index.ts";
import type { Run } from "../support/engine.ts";
import {
  answers,
  changesSince,
  expectSuccess,
  fingerprints,
  isOfOneLife,
  openSite,
  type Site,
} from "../support/site.ts";

interface Change {
  readonly what: string;
  readonly host: "web1" | "edge";
  /** Run by sh on the host, out of band; `$JAIL` is the tree of the generation that serves. */
  readonly act: string;
  /** The resource that is to show it, and the artefact's name in its sentence. */
  readonly resource: string;
  readonly names: RegExp;
}

const rounds: readonly (readonly Change[])[] = [
  [
    {
      what: "a file of the jail deleted",
      host: "web1",
      act: "rm $JAIL/var/www/html/index.html",
      resource: "apache-web1",
      names: /missing.*\/var\/www\/html\/index\.html/,
    },
    {
      what: "a library of the jail deleted",
      host: "web1",
      act: 'rm "$(find $JAIL -name "libpcre2-8.so.0.*" -type f)"',
      resource: "apache-web1",
      names: /missing.*libpcre2/,
    },
    {
      what: "a file of the jail changed",
      host: "web1",
      act: "echo x >> $JAIL/etc/apache2/apache2.conf",
      resource: "apache-web1",
      names: /\/etc\/apache2\/apache2\.conf/,
    },
    {
      what: "a file's mode changed",
      host: "web1",
      act: "chmod 0600 $JAIL/etc/apache2/ports.conf",
      resource: "apache-web1",
      names: /mode.*\/etc\/apache2\/ports\.conf/,
    },
    {
      what: "a file planted",
      host: "web1",
      act: "echo x > $JAIL/etc/planted",
      resource: "apache-web1",
      names: /\/etc\/planted/,
    },
    {
      what: "the unit changed",
      host: "web1",
      act: "sed -i 's/^NoNewPrivileges=.*/NoNewPrivileges=no/' $UNIT_FILE && systemctl daemon-reload",
      resource: "web-web1",
      names: /jailed-web-web1@a\.service/,
    },
    {
      what: "a drop-in planted",
      host: "web1",
      act: "mkdir -p $UNIT_FILE.d && printf '[Service]\\nNoNewPrivileges=no\\n' > $UNIT_FILE.d/x.conf && systemctl daemon-reload",
      resource: "web-web1",
      names: /x\.conf/,
    },
  ],
  [
    {
      what: "the unit stopped",
      host: "web1",
      act: "systemctl stop $UNIT",
      resource: "web-web1",
      names: /jailed-web-web1@a\.service.*(stopped|inactive|not active)|stopped.*jailed-web-web1@a\.service/,
    },
    {
      what: "the unit disabled",
      host: "web1",
      act: "systemctl disable $UNIT",
      resource: "web-web1",
      names: /jailed-web-web1@a\.service.*not enabled/,
    },
    {
      what: "the port rule gone",
      host: "web1",
      act: "nft flush map inet pulumi_jail tcp4",
      resource: "web-web1",
      names: /port/,
    },
    {
      what: "HAProxy stopped",
      host: "edge",
      act: "systemctl stop pulumi-jail-edge.service",
      resource: "site",
      names: /stopped|inactive|not active/,
    },
  ],
  [
    {
      what: "the whole table gone",
      host: "web1",
      act: "nft delete table inet pulumi_jail",
      resource: "web-web1",
      names: /table|port/,
    },
    {
      what: "an HAProxy backend's server gone",
      host: "edge",
      act: '$SOCKET "set server site/web-web1.http.$WEB1 state maint; del server site/web-web1.http.$WEB1"',
      resource: "site",
      names: /web-web1/,
    },
    {
      what: "a server put in maintenance",
      host: "edge",
      act: '$SOCKET "set server site/web-web2.http.$WEB2 state maint"',
      resource: "site",
      names: /maint/i,
    },
  ],
];

let site: Site;
let before: Map<string, Fingerprint>;

beforeAll(async () => {
  site = await openSite("drift", ["web1", "web2", "edge"]);
  expectSuccess(await site.stack.up());
  before = await fingerprints(site.hosts.hosts);
});
afterAll(() => site?.close());

/** One story: the changes of a round come together, and are mended before the next round. */
describe("out-of-band changes", () => {
  it.each(rounds.map((round) => [round.map((change) => change.what).join(", "), round] as const))(
    "(%s) are each named by preview --refresh and refresh --preview-only, and mended by up",
    async (_, round) => {
      for (const change of round) await act(change);
      const preview = expectSuccess(await site.stack.preview({ refresh: true }));
      for (const change of round) expect(driftOf(preview, change)).toMatch(change.names);
      const refresh = expectSuccess(await site.stack.refresh({ previewOnly: true }));
      for (const change of round) expect(driftOf(refresh, change)).toMatch(change.names);
      expect((await site.stack.preview({ refresh: true, expectNoChanges: true })).exitCode).not.toBe(0);

      expectSuccess(await site.stack.up({ refresh: true }));
      expectSuccess(await site.stack.preview({ refresh: true, expectNoChanges: true }));
      const differences = await changesSince(before, site.hosts.hosts);
      expect(differences.filter((line) => !isOfOneLife(line))).toEqual([]);
      const url = (await site.stack.outputs())["url"] as string;
      await expect.poll(async () => new Set(await answers(url, 6)).size, { timeout: 60_000 }).toBe(2);
    },
  );
});

/** The sentences that the run gives for the change's resource. */
function driftOf(run: Run, change: Change): string {
  const drifts = run.steps.filter((step) => step.name === change.resource).map((step) => step.after?.["drift"]);
  return drifts.flat().join("\n");
}

async function act(change: Change): Promise<void> {
  const host = site.host(change.host);
  const script = `set -eu
    JAIL=$(ls -d /var/lib/pulumi-jail/jails/apache-web1/generations/*/ 2>/dev/null | head -n 1 | sed 's,/$,,')
    UNIT=jailed-web-web1@a.service
    UNIT_FILE=/etc/systemd/system/$UNIT
    SOCKET=socket
    WEB1=${site.host("web1").address} WEB2=${site.host("web2").address}
    socket() { printf '%s\\n' "$1" | perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new($ARGV[0]) or die "$ARGV[0]: $!"; print $s <STDIN>; $s->shutdown(1); while (<$s>) { die $_ if /No such/ }' "$(find /run -name 'admin.sock' | head -n 1)"; }
    ${change.act}`;
  await host.exec(["sh", "-c", script]);
}
