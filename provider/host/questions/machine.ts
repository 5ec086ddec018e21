import type { Question } from "../question.ts";

/** What a host is. */
export interface Machine {
  readonly machineId: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly systemdVersion: number;
  readonly kernel: string;
  /** As `uname -m` says: `x86_64`. */
  readonly architecture: string;
  /** Global addresses, of the uplink first. */
  readonly addresses: readonly { readonly interface: string; readonly address: string }[];
  /** The interface of the default route and the address that it sends from; undefined without a route. */
  readonly uplink?: { readonly interface: string; readonly address: string };
  readonly aptAvailable: boolean;
  /** Such as `bookworm`; empty where os-release names none. */
  readonly codename: string;
}

/** Asks what the host is. */
export function machine(): Question<Machine> {
  return { ask: "machine", args: [], parse: parseMachine };
}

function parseMachine(text: string): Machine {
  const lines = text.split("\n").filter((line) => line !== "");
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  const one = (key: string) => {
    const [value] = all(key);
    if (value === undefined) throw new Error(`no ${key}`);
    return value;
  };
  const uplink = { interface: one("uplink"), address: one("uplinkAddress") };
  const addresses = all("address").map((pair) => {
    const [name, address] = pair.split(" ");
    if (name === undefined || address === undefined) throw new Error(`"${pair}" is no address`);
    return { interface: name, address };
  });
  const machineId = one("machineId");
  if (!/^[0-9a-f]{32}$/.test(machineId)) throw new Error(`"${machineId}" is no machine id`);
  return {
    machineId,
    bootId: one("bootId"),
    hostname: one("hostname"),
    systemdVersion: Number(one("systemdVersion")),
    kernel: one("kernel"),
    architecture: one("architecture"),
    addresses: addresses.sort((a, b) => Number(b.address === uplink.address) - Number(a.address === uplink.address)),
    ...(uplink.interface === "" ? {} : { uplink }),
    aptAvailable: one("aptAvailable") === "yes",
    codename: one("codename"),
  };
}
