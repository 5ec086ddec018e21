import { describe, expect, test } from "vitest";
import type { Mapping } from "../../../provider/haproxy/mapping.ts";
import {
  conflictOfAddresses,
  parsePlaces,
  renderKeepalived,
  type VirtualAddress,
} from "../../../provider/keepalived/configuration.ts";
import { driftOfAddresses, driftOfHolder, planAddresses } from "../../../provider/port-mapping/address.ts";
import { type FoundAddresses, parseAddresses } from "../../../provider/port-mapping/address-observe.ts";
import {
  ADDRESS_UNIT,
  renderAddressUnit,
  renderWatchUnit,
  WATCH_UNIT,
  WATCHER,
} from "../../../provider/port-mapping/address-unit.ts";
import type { Call } from "../../../provider/resource/kind.ts";

const ONE: VirtualAddress = {
  address: "192.0.2.100/24",
  interface: "eth0",
  routerId: 51,
  priority: 150,
  peers: ["192.0.2.2"],
};
const DIGEST = "0123456789abcdef";
/** Nothing is built where the jail is sound, so nobody is called. */
const CALL = {} as Call;

describe("the configuration of keepalived", () => {
  test("has one instance for the mappings that share a group, with the peers of all and the highest priority", () => {
    const text = renderKeepalived([ONE, { ...ONE, priority: 120, peers: ["192.0.2.3"] }]);
    expect(text.match(/^vrrp_instance /gm)).toHaveLength(1);
    expect(text).toContain(`vrrp_instance eth0-51 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.4
    unicast_peer {
        192.0.2.2
        192.0.2.3
    }
    virtual_ipaddress {
        192.0.2.100/24 dev eth0 # 51
    }
    track_file {
        proxy weight 0
    }
}
`);
    expect(parsePlaces(text)).toEqual([{ address: "192.0.2.100/24", interface: "eth0", routerId: 51 }]);
  });

  test("has an instance for each group, speaks by multicast without peers, and is nothing without an address", () => {
    const text = renderKeepalived([ONE, { ...ONE, address: "192.0.2.101/24", routerId: 52, peers: [] }]);
    expect(text.match(/^vrrp_instance .*$/gm)).toEqual(["vrrp_instance eth0-51 {", "vrrp_instance eth0-52 {"]);
    expect(text.match(/unicast_peer/g)).toHaveLength(1);
    expect(renderKeepalived([])).toBe("");
  });

  test("takes no text that would be more than one word", () => {
    expect(() => renderKeepalived([{ ...ONE, address: "192.0.2.1/24\n}" }])).toThrow("is not allowed");
    expect(() => renderKeepalived([{ ...ONE, interface: "eth0 {" }])).toThrow("is not allowed");
    expect(() => renderKeepalived([{ ...ONE, peers: ["192.0.2.1 }"] }])).toThrow("is not allowed");
    expect(() => renderKeepalived([{ ...ONE, routerId: 256 }])).toThrow("is not allowed");
  });

  test("is refused where one address would be in two groups", () => {
    expect(conflictOfAddresses(ONE, { ...ONE, priority: 1, peers: [] })).toBeUndefined();
    expect(conflictOfAddresses(ONE, { ...ONE, address: "192.0.2.101/24" })).toBeUndefined();
    expect(conflictOfAddresses({ ...ONE, routerId: 52 }, ONE)).toBe(
      "virtual address 192.0.2.100/24 on eth0 with routerId 52 is there as 192.0.2.100/24 on eth0 with routerId 51",
    );
    expect(conflictOfAddresses({ ...ONE, address: "192.0.2.100/32" }, ONE)).toContain("is there as 192.0.2.100/24");
  });
});

describe("the virtual addresses of an edge", () => {
  test("are left alone when they are as declared", async () => {
    expect(await plan([ONE], foundOf([ONE]))).toEqual([]);
    expect(await plan([], parseAddresses(""))).toEqual([]);
  });

  test("come before the old one goes", async () => {
    const [step] = await plan([{ ...ONE, address: "192.0.2.200/24" }], foundOf([ONE]));
    const staying = step!.content!.slice(0, Number(step!.args[1]));
    expect(parsePlaces(staying).map(({ address }) => address)).toEqual(["192.0.2.100/24", "192.0.2.200/24"]);
    const after = step!.content!.slice(staying.length, staying.length + Number(step!.args[2]));
    expect(parsePlaces(after).map(({ address }) => address)).toEqual(["192.0.2.200/24"]);
  });

  test("go with the last mapping that has one", async () => {
    expect((await plan([], foundOf([ONE]))).map(({ step }) => step)).toEqual(["address-take-down"]);
  });

  test("are told about in words when they are not as declared", () => {
    const found = foundOf([ONE]);
    const stopped = new Map([...found.states, [ADDRESS_UNIT, "failed disabled"]]);
    expect(driftOfAddresses(mappingsWith([ONE]), found)).toEqual([]);
    expect(
      driftOfAddresses(mappingsWith([ONE]), {
        ...found,
        states: stopped,
        watcher: undefined,
        configuration: { mode: "644:root:root", text: "edited" },
      }),
    ).toEqual([
      "keepalived's configuration changed",
      "the proxy's watcher is gone",
      "keepalived is failed",
      `${ADDRESS_UNIT} is disabled`,
    ]);
  });

  test("are on no edge when neither this one has them nor another one answers", () => {
    const found = foundOf([ONE]);
    expect(driftOfHolder(ONE, { ...found, isElsewhere: false })).toEqual([
      "virtual address 192.0.2.100/24 is on no edge",
    ]);
    expect(driftOfHolder(ONE, { ...found, isElsewhere: true })).toEqual([]);
    expect(driftOfHolder(ONE, { ...found, isElsewhere: false, held: ["192.0.2.100/24 eth0"] })).toEqual([]);
  });
});

function plan(wanted: readonly VirtualAddress[], found: FoundAddresses) {
  return planAddresses(CALL, "web", mappingsWith(wanted), "guard", found);
}

function mappingsWith(wanted: readonly VirtualAddress[]): readonly Mapping[] {
  return wanted.map((virtualAddress) => ({ virtualAddress }) as Mapping);
}

/** As ask_edge_address tells of an edge where all is well. */
function foundOf(wanted: readonly VirtualAddress[]): FoundAddresses {
  const line = (key: string, text: string) => `${key} 644:root:root ${Buffer.from(text).toString("base64")}`;
  return parseAddresses(
    [
      line("configuration", renderKeepalived(wanted)),
      line("watcher", WATCHER),
      line("unit", renderAddressUnit(DIGEST)),
      line("watch", renderWatchUnit()),
      `state ${ADDRESS_UNIT} active enabled`,
      `state ${WATCH_UNIT} active enabled`,
      `jail ${DIGEST} 0`,
      "interface eth0",
      "held 192.0.2.7/24 eth0",
    ].join("\n"),
  );
}
