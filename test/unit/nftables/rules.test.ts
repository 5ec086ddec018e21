import { expect, test } from "vitest";
import { bindElement, parseForwardMark, renderForward } from "../../../provider/nftables/forward.ts";
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

const owner = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::dns", claim: "c" };
const forward = {
  owner,
  name: "dns",
  protocol: "udp",
  address: "192.0.2.10",
  bindPort: 53,
  targets: [
    { address: "10.0.0.4", port: 53, weight: 60 },
    { address: "10.0.0.5", port: 5353, weight: 1 },
  ],
} as const;

test("a forwarded port, whole: a number drawn for each connection, as many as a target's weight", () => {
  const text = renderForward(forward);
  expect(text).toBe(`# pulumi-jail: mapping dns udp 192.0.2.10 53 ${JSON.stringify(owner)}
# addresses 192.0.2.10 10.0.0.4 10.0.0.5
add chain inet pulumi_jail mapping-dns
add rule inet pulumi_jail mapping-dns meta l4proto 17 dnat ip to numgen random mod 61 map { 0-59 : 10.0.0.4 . 53, 60 : 10.0.0.5 . 5353 }
add element inet pulumi_jail forwards { 17 . 192.0.2.10 . 53 : goto mapping-dns }
add element inet pulumi_jail forwarded { 17 . 10.0.0.4 . 53, 17 . 10.0.0.5 . 5353 }
`);
  const { targets: _, ...mark } = forward;
  expect(parseForwardMark(text)).toEqual(mark);
  expect(bindElement(mark)).toBe("17 . 192.0.2.10 . 53");
});

test("a forwarded port without a target in use leads nowhere", () => {
  expect(renderForward({ ...forward, targets: [] })).not.toContain("forwards");
});

test.each([
  { name: "dns\ndelete" },
  { address: "10.0.0.4 . 53 }" },
  { bindPort: "53 }\n" as unknown as number },
  { targets: [{ address: "10.0.0.4 }", port: 53, weight: 1 }] },
  { targets: [{ address: "10.0.0.4", port: 53, weight: 0 }] },
])("a forwarded port with %j reaches no rule", (change) => {
  expect(() => renderForward({ ...forward, ...change })).toThrow("not allowed");
});

test.each(["", "# pulumi-jail: mapping dns udp 192.0.2.10 53 {}\n", "# x\n"])("%j is no forward of ours", (text) => {
  expect(parseForwardMark(text)).toBeUndefined();
});
