import { expect, test } from "vitest";
import { mapElements, parseFragment, renderFragment } from "../../../provider/nftables/fragment.ts";
import { renderRules } from "../../../provider/nftables/rules.ts";

const port = {
  protocol: "tcp",
  hostAddresses: ["192.0.2.10", "127.0.0.1"],
  hostPort: 20200,
  jailAddress: "100.127.0.1",
  jailPort: 80,
} as const;

test("a service's fragment, whole", () => {
  const udp = { ...port, protocol: "udp", hostAddresses: ["192.0.2.10"], hostPort: 20300, jailPort: 53 } as const;
  const egress = [
    { jailAddress: "100.127.0.1", to: "10.0.0.0/8", port: 443 },
    { jailAddress: "100.127.0.1", to: "0.0.0.0/0", port: undefined },
  ];
  const text = renderFragment({
    serviceName: "web",
    slot: "a",
    generation: "0123456789abcdef",
    ports: [port, udp],
    egress,
  });
  expect(text).toBe(`# pulumi-jail: service web, slot a, generation 0123456789abcdef
add element inet pulumi_jail tcp4 { 192.0.2.10 . 20200 : 100.127.0.1 . 80, 127.0.0.1 . 20200 : 100.127.0.1 . 80 }
add element inet pulumi_jail udp4 { 192.0.2.10 . 20300 : 100.127.0.1 . 53 }
add element inet pulumi_jail egress4 { 100.127.0.1 . 10.0.0.0/8 . 443, 100.127.0.1 . 0.0.0.0/0 . 0-65535 }
`);
  expect(parseFragment(text)).toEqual({ slot: "a", generation: "0123456789abcdef" });
});

test("a service without ports says who serves, and no more", () => {
  const text = renderFragment({ serviceName: "job", slot: "b", generation: "0123456789abcdef", ports: [], egress: [] });
  expect(text).toBe("# pulumi-jail: service job, slot b, generation 0123456789abcdef\n");
});

test.each(["", "add element x", "# pulumi-jail: service web, slot c, generation 0123456789abcdef\n"])(
  "%j says nothing of who serves",
  (text) => {
    expect(parseFragment(text)).toBeUndefined();
  },
);

test("elements are written as nft lists them", () => {
  expect(mapElements(port)).toEqual(["192.0.2.10 . 20200 : 100.127.0.1 . 80", "127.0.0.1 . 20200 : 100.127.0.1 . 80"]);
});

test("the table replaces itself in one transaction and flushes nothing else", () => {
  const text = renderRules();
  expect(text.split("\n").slice(1, 4)).toEqual([
    "table inet pulumi_jail",
    "delete table inet pulumi_jail",
    "table inet pulumi_jail {",
  ]);
  expect(text).not.toMatch(/flush/);
  expect(text).toContain('include "/var/lib/pulumi-jail/services/*/rules.nft"\n');
});
