import { createHash } from "node:crypto";
import type { Launch } from "../manifest/launch.ts";
import type { Seed } from "../manifest/manifest.ts";
import { type EgressRule, type Fragment, type MappedPort, renderFragment } from "../nftables/fragment.ts";
import { renderHosts, renderResolvConf } from "../passwd/hosts.ts";
import { renderGroup, renderPasswd } from "../passwd/passwd.ts";
import { type Slot, type SlotNetwork, slotNetwork } from "../ports/network.ts";
import { renderJailedUnit } from "../systemd/jailed-unit.ts";
import { renderNetworkUnit } from "../systemd/network-unit.ts";
import { connectTargets } from "./connects.ts";
import { healthChecks } from "./health.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { insideRules, loopbackPorts } from "./inside-rules.ts";
import { SERVICES, sorted, treeOf, unitName } from "./names.ts";
import { socketUnitNames, socketUnits } from "./slot-sockets.ts";
import { jailedUnit } from "./slot-unit.ts";

/** What the host says and the unit depends on. */
export interface Surroundings {
  readonly launch: Launch;
  /** What the generation has for new data directories. */
  readonly seeds: readonly Seed[];
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  /** The service's number on its host, which names its networks. */
  readonly number: number;
  readonly hostname: string;
  /** Interface through which the host is reached. */
  readonly uplink: string | undefined;
  /** The host's own addresses that ports are bound to, by key. */
  readonly boundAddresses: Readonly<Record<string, string>>;
  readonly nameservers: readonly string[];
  /** Which of the paths that get bound are in the tree. */
  readonly mountPoints: ReadonlySet<string>;
}

/** A file as it has to be; all are root's. */
export interface FileText {
  readonly path: string;
  readonly mode: string;
  readonly content: string;
}

/** One slot as it has to be on the host. */
export interface SlotDesired {
  readonly slot: Slot;
  readonly unitName: string;
  readonly networkUnitName: string | undefined;
  /** Those that systemd opens sockets for it by; the service pulls them in. */
  readonly socketUnitNames: readonly string[];
  readonly network: SlotNetwork;
  readonly tree: string;
  /** Files of the slot and its units, whole. */
  readonly files: readonly FileText[];
  /** Equal as long as a running process need not be replaced. */
  readonly digest: string;
  /** Of the units as we write them, beside the digest: tells a change of ours from one of somebody else. */
  readonly written: string;
  /** Rules for the slot when it serves. */
  readonly fragment: string;
  readonly mapElements: Readonly<Record<"tcp4" | "udp4", readonly MappedPort[]>>;
  readonly checks: readonly string[];
  readonly drainPorts: readonly string[];
}

/** Renders one slot, purely from the inputs and what the host is. */
export function slotDesired(inputs: JailedServiceInputs, around: Surroundings, slot: Slot): SlotDesired {
  const { serviceName } = inputs;
  const network = slotNetwork(serviceName, around.number, slot);
  const mark = `pulumi-jail: service ${serviceName}; what is changed here is drift`;
  const own = slotFiles(inputs, around, slot, network);
  const unit = jailedUnit(inputs, around, slot, network, own, mark);
  const isPrivate = inputs.network === "private";
  const networkUnitName = isPrivate ? unitName(serviceName, slot).replace(".service", "-net.service") : undefined;
  const networkUnit = renderNetworkUnit({
    serviceName,
    slot,
    mark,
    network,
    uplink: around.uplink,
    rulesPath: insideRules(inputs, around.launch) && `${SERVICES}/${serviceName}/${slot}/connects.nft`,
    routesLoopback: loopbackPorts(inputs, around.launch).length > 0,
  });
  const lasting = own.filter((file) => !isLive(file.path));
  const restarting = { ...unit, limits: {}, excludes: undefined, startSeconds: 0 };
  const sockets = socketUnits(inputs, around, slot, network, mark, unit.overrides);
  const digest = digestOf([
    ...lasting,
    text("unit", renderJailedUnit(restarting)),
    text("network", networkUnit),
    ...sockets,
  ]);
  const ports = mappedPorts(inputs, around, network);
  const fragment: Fragment = {
    serviceName,
    slot,
    generation: inputs.generation,
    ports,
    egress: isPrivate ? egressRules(inputs, network) : [],
  };
  const units = [
    { path: `/etc/systemd/system/${unitName(serviceName, slot)}`, mode: "0644", content: renderJailedUnit(unit) },
    ...(networkUnitName
      ? [{ path: `/etc/systemd/system/${networkUnitName}`, mode: "0644", content: networkUnit }]
      : []),
    ...sockets,
  ];
  const written = digestOf(units);
  return {
    slot,
    unitName: unitName(serviceName, slot),
    networkUnitName,
    socketUnitNames: socketUnitNames(serviceName, slot, around.launch.sockets),
    network,
    tree: treeOf(inputs),
    files: [
      ...own,
      ...units,
      { path: `${SERVICES}/${serviceName}/${slot}/digest`, mode: "0600", content: `${digest}\n${written}\n` },
    ],
    digest,
    written,
    fragment: renderFragment(fragment),
    mapElements: {
      tcp4: ports.filter((port) => port.protocol === "tcp"),
      udp4: ports.filter((port) => port.protocol === "udp"),
    },
    checks: healthChecks(inputs, around, network),
    drainPorts: ports.filter((port) => port.protocol === "tcp").map((port) => `${port.jailPort}`),
  };
}

/** Files that a running process takes over; the others are what it was started with. */
export function isLive(path: string): boolean {
  return /\/(connects\.nft|resolv\.conf)$/.test(path);
}

function slotFiles(
  inputs: JailedServiceInputs,
  around: Surroundings,
  slot: Slot,
  network: SlotNetwork,
): readonly FileText[] {
  const base = `${SERVICES}/${inputs.serviceName}/${slot}`;
  const { launch, uid, gid } = around;
  const address = inputs.network === "private" ? network.jailAddress : "127.0.1.1";
  const names = Object.fromEntries(connectTargets(inputs).map(({ key, address: at }) => [key, at]));
  const rules = insideRules(inputs, launch);
  return [
    { path: `${base}/uses`, mode: "0600", content: `${inputs.jailName} ${inputs.generation}\n` },
    { path: `${base}/passwd`, mode: "0644", content: renderPasswd(launch.users, uid, gid) },
    { path: `${base}/group`, mode: "0644", content: renderGroup(launch.users, gid) },
    { path: `${base}/hosts`, mode: "0644", content: renderHosts(around.hostname, address, names) },
    { path: `${base}/hostname`, mode: "0644", content: `${around.hostname}\n` },
    {
      path: `${base}/resolv.conf`,
      mode: "0644",
      content: inputs.egress === "none" ? "" : renderResolvConf(around.nameservers),
    },
    ...sorted(inputs.configFiles).map(([, file], index) => ({
      path: `${base}/config/${index}`,
      mode: file.mode ?? "0644",
      content: file.content,
    })),
    ...sorted(inputs.credentials).map(([name, content]) => ({
      path: `${base}/credentials/${name}`,
      mode: "0600",
      content,
    })),
    ...(rules ? [{ path: `${base}/connects.nft`, mode: "0600", content: rules }] : []),
  ];
}

function mappedPorts(inputs: JailedServiceInputs, around: Surroundings, network: SlotNetwork): readonly MappedPort[] {
  if (inputs.network !== "private") return [];
  return sorted(inputs.ports).flatMap(([key, port]) => {
    const endpoint = inputs.endpoints[key];
    const bound = around.boundAddresses[key];
    if (!port.jailPort || !endpoint || !bound) return [];
    // The host itself may come by its loopback address, unless an address was asked for.
    const hostAddresses = port.bindAddress ? [bound] : [bound, "127.0.0.1"];
    const { jailAddress } = network;
    return [
      {
        protocol: port.protocol ?? "tcp",
        hostAddresses,
        hostPort: endpoint.hostPort,
        jailAddress,
        jailPort: port.jailPort,
      },
    ];
  });
}

function egressRules(inputs: JailedServiceInputs, { jailAddress }: SlotNetwork): readonly EgressRule[] {
  const connects = Object.values(inputs.connects ?? {}).flatMap(({ endpoint }) =>
    endpoint.protocol === "unix" ? [] : [{ jailAddress, to: endpoint.address, port: endpoint.hostPort }],
  );
  if (inputs.egress === "none") return connects;
  if (inputs.egress === "any") return [{ jailAddress, to: "0.0.0.0/0", port: undefined }];
  const listed = inputs.egress.map((rule) => {
    const [to = "", port] = rule.split(":");
    return { jailAddress, to, port: port === undefined ? undefined : Number(port) };
  });
  return [...listed, ...connects];
}

function digestOf(files: readonly FileText[]): string {
  const hash = createHash("sha256");
  for (const { path, mode, content } of files) hash.update(`${path}\0${mode}\0${content.length}\0${content}\0`);
  return hash.digest("hex");
}

function text(path: string, content: string): FileText {
  return { path, mode: "-", content };
}
