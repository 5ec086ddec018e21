import { HostError } from "../host/errors.ts";
import type { Launch } from "../manifest/launch.ts";
import { userName } from "../passwd/hosts.ts";
import { NETWORK_KEY } from "../ports/registry.ts";
import { mountPointsOf, optionalFiles } from "./data-directories.ts";
import type { Surroundings } from "./desired.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import type { Observed } from "./observed.ts";

/** What the rendering needs of the host, or why the service can't be made there. */
export function surroundingsOf(label: string, inputs: JailedServiceInputs, observed: Observed): Surroundings {
  const problem = problemOf(inputs, observed);
  if (problem) throw new HostError(problem.kind, label, problem.text);
  const { launch, user, machine } = observed;
  if (!launch || !user) throw new HostError("unexpected-output", label, "there is no launch or no user");
  return {
    launch,
    seeds: observed.seeds,
    user: userName(inputs.serviceName),
    uid: user.uid,
    gid: user.gid,
    number: networkNumber(inputs.serviceName, observed),
    hostname: machine.hostname,
    uplink: machine.uplink?.interface ?? machine.addresses[0]?.interface,
    boundAddresses: boundAddresses(label, inputs, observed),
    nameservers: observed.nameservers,
    mountPoints: new Set(observed.treePaths.keys()),
  };
}

/** Why it can't be made from what is there; undefined when it can. */
export function problemOf(
  inputs: JailedServiceInputs,
  observed: Observed,
): { readonly kind: "step" | "foreign"; readonly text: string } | undefined {
  const { generation, jailName } = inputs;
  if (observed.missing.length > 0)
    return {
      kind: "step",
      text: `the host lacks ${observed.missing.join(", ")} (packages nftables, iproute2, passwd, util-linux)`,
    };
  if (observed.tree === undefined || observed.launch === undefined)
    return { kind: "step", text: `generation ${generation || "(none)"} of jail ${jailName} is not on this host` };
  const { launch } = observed;
  const missing = mountPointsOf(inputs, { launch, seeds: observed.seeds }).find(
    (path) => isAsked(inputs, path) && !observed.treePaths.has(path) && !isInData(launch, path),
  );
  if (missing !== undefined)
    return { kind: "step", text: `the jail has no ${missing} to bind over; put it into the Jail's include` };
  const user = observed.user;
  if (user && user.gecos !== `pulumi-jail ${inputs.serviceName}`)
    return { kind: "foreign", text: `the user ${userName(inputs.serviceName)} is not of our making` };
  return undefined;
}

/** From the registry; when that was lost, from the addresses that the rules' file still has. */
export function networkNumber(serviceName: string, observed: Observed): number {
  const entry = observed.registry.find((line) => line.serviceName === serviceName && line.key === NETWORK_KEY);
  if (entry) return entry.hostPort;
  const known = /100\.127\.(\d+)\.(\d+)/.exec(observed.fragment ?? "");
  if (known) return Math.floor((Number(known[1]) * 256 + Number(known[2])) / 4);
  const taken = new Set(observed.registry.filter((line) => line.protocol === "net").map((line) => line.hostPort));
  let number = 0;
  while (taken.has(number)) number += 1;
  return number;
}

/** In a directory that is the service's own, systemd may make a mount point: the tree stays as it is. */
function isInData(launch: Launch, path: string): boolean {
  return path.startsWith("/run/") || launch.writable.some((directory) => path.startsWith(`${directory.path}/`));
}

/** Only these are certain to have been asked for; the others are the jail's own business. */
function isAsked(inputs: JailedServiceInputs, path: string): boolean {
  if (optionalFiles.includes(path)) return false;
  return (
    path in (inputs.configFiles ?? {}) || Object.values(inputs.volumes ?? {}).some(({ jailPath }) => jailPath === path)
  );
}

/**
 * A port is bound to one of the host's own addresses. What others know it by may be a name or, behind NAT, an address of
 * some other machine: then it is the address of the default route.
 */
function boundAddresses(
  label: string,
  inputs: JailedServiceInputs,
  observed: Observed,
): Readonly<Record<string, string>> {
  const { addresses, uplink } = observed.machine;
  const own = addresses.map(({ address }) => address);
  return Object.fromEntries(
    Object.entries(inputs.ports).flatMap(([key, port]) => {
      if (port.socket !== undefined) return [];
      const asked = port.bindAddress;
      if (asked !== undefined && !own.includes(asked))
        throw new HostError(
          "step",
          label,
          `ports.${key}.bindAddress: ${asked} is none of the host's addresses (${own.join(", ")})`,
        );
      const wanted = asked ?? inputs.endpoints[key]?.address ?? "";
      return [[key, own.includes(wanted) ? wanted : (uplink?.address ?? own[0] ?? "127.0.0.1")]];
    }),
  );
}
