import { createHash } from "node:crypto";
import { RUNTIME_DIRECTORY } from "../haproxy/paths.ts";
import { renderServerOptions } from "../haproxy/server-line.ts";
import { etcdProgram } from "../host/etcd-program.ts";
import { type FileFacts, files } from "../host/questions/files.ts";
import { type UnitProperties, units } from "../host/questions/units.ts";
import type { Step } from "../host/step.ts";
import { makeDirectory, removeDirectory, removeFile, writeFile } from "../host/steps/files.ts";
import { daemonReload, disableUnit, enableUnit, restartUnit, stopUnit } from "../host/steps/units.ts";
import type { Call } from "../resource/kind.ts";
import { renderUnit } from "../systemd/unit.ts";
import { placeOf } from "./backends-from.ts";
import { mappingOf } from "./desired.ts";
import type { PortMappingInputs } from "./inputs.ts";
import { EDGE_DIRECTORY, EDGE_UNIT, EDGE_USER } from "./unit.ts";

const DIRECTORY = `${EDGE_DIRECTORY}/etcd`;

/** Makes the watcher of a mapping as declared: a unit of its own beside the proxy's, as the proxy's user. */
export async function watch(call: Call, inputs: PortMappingInputs): Promise<void> {
  const { differ, steps } = planWatch(inputs, await seeWatch(call, inputs.mappingName));
  if (!differ) return;
  const lock = `mapping/${inputs.mappingName}`;
  await call.host.apply({ lock, urn: call.owner.urn, deadlineSeconds: call.deadlineSeconds, steps }, call.progress);
}

/** The steps after which nothing is left of a mapping's watcher; what it told the proxy stays there. */
export function planUnwatch(name: string): readonly Step[] {
  const unit = unitOf(name);
  return [
    stopUnit(unit),
    disableUnit(unit),
    ...[`/etc/systemd/system/${unit}`, `${DIRECTORY}/${name}`, `${DIRECTORY}/${name}.pl`].map((path) =>
      removeFile(path),
    ),
    removeDirectory(DIRECTORY),
    daemonReload(),
  ];
}

/** What of the watcher is not as declared, a sentence each. */
export async function driftOfWatch(call: Call, inputs: PortMappingInputs): Promise<readonly string[]> {
  return findingsOf(inputs, await seeWatch(call, inputs.mappingName));
}

/** Why the servers may be old; undefined while etcd answers. */
export async function etcdAway(call: Call, name: string): Promise<string | undefined> {
  const [said] = await call.host.ask([{ ask: "etcd", args: [name], parse: (text: string) => text }]);
  const [, since, servers] = /^away (\d+) (\d+)/.exec(said) ?? [];
  if (since === undefined) return undefined;
  const from = new Date(Number(since) * 1000).toISOString();
  return `mapping ${name}: etcd has been away since ${from}: the last servers from it (${servers}) stay`;
}

interface SeenWatch {
  readonly files: ReadonlyMap<string, FileFacts | undefined>;
  readonly unit: UnitProperties;
}

async function seeWatch(call: Call, name: string): Promise<SeenWatch> {
  const unit = unitOf(name);
  const paths = [`/etc/systemd/system/${unit}`, `${DIRECTORY}/${name}`, `${DIRECTORY}/${name}.pl`];
  const [found, properties] = await call.host.ask([files(paths), units([unit])]);
  return { files: found, unit: properties.get(unit) ?? new Map() };
}

function planWatch(
  inputs: PortMappingInputs,
  seen: SeenWatch,
): { readonly differ: boolean; readonly steps: readonly Step[] } {
  const unit = unitOf(inputs.mappingName);
  return {
    differ: findingsOf(inputs, seen).length > 0,
    steps: [
      makeDirectory({ path: DIRECTORY, mode: "0700", owner: "root:root" }),
      ...textsOf(inputs).map((file) => writeFile({ ...file, owner: "root:root" })),
      ...dropInsOf(seen).map((path) => removeFile(path)),
      daemonReload([unit]),
      enableUnit(unit),
      restartUnit(unit, `watching etcd for ${inputs.mappingName}`),
    ],
  };
}

function findingsOf(inputs: PortMappingInputs, seen: SeenWatch): readonly string[] {
  const unit = unitOf(inputs.mappingName);
  return [
    ...textsOf(inputs).flatMap(({ path, mode, content }) => {
      const found = seen.files.get(path);
      if (!found) return [`${path} is gone`];
      const sha256 = createHash("sha256").update(content).digest("hex");
      const isSame = found.sha256 === sha256 && found.mode === mode && found.owner === "root";
      return isSame ? [] : [`${path} changed`];
    }),
    ...dropInsOf(seen).map((path) => `${unit} has a drop-in: ${path}`),
    ...(seen.unit.get("ActiveState") === "active"
      ? []
      : [`${unit} does not run: changes in etcd do not reach the edge`]),
    ...(seen.unit.get("UnitFileState") === "enabled" ? [] : [`${unit} is not enabled`]),
  ];
}

function dropInsOf({ unit }: SeenWatch): readonly string[] {
  return (unit.get("DropInPaths") ?? "").split(" ").filter((path) => path.includes("/pulumi-jail-etcd-"));
}

function textsOf(inputs: PortMappingInputs): readonly { path: string; mode: string; content: string }[] {
  const name = inputs.mappingName;
  return [
    { path: `/etc/systemd/system/${unitOf(name)}`, mode: "0644", content: renderWatchUnit(name) },
    { path: `${DIRECTORY}/${name}`, mode: "0600", content: renderSettings(inputs) },
    { path: `${DIRECTORY}/${name}.pl`, mode: "0644", content: etcdProgram() },
  ];
}

/** `KEY VALUE` a line; everything in it passed the check's allow-lists. */
function renderSettings(inputs: PortMappingInputs): string {
  const { endpoints = [], prefix = "" } = inputs.backendsFrom?.etcd ?? {};
  const lines = [
    `mapping ${inputs.mappingName}`,
    `prefix ${prefix}`,
    `drain ${inputs.drainSeconds}`,
    `cookie ${inputs.affinity === "cookie" ? 1 : 0}`,
    `options ${renderServerOptions(mappingOf(inputs))}`,
    ...endpoints.map((endpoint) => `endpoint ${placeOf(endpoint)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function unitOf(name: string): string {
  return `pulumi-jail-etcd-${name}.service`;
}

/** Its program and settings are root's and reach it as credentials; it sees of the host no more than the proxy's socket. */
function renderWatchUnit(name: string): string {
  const run = `pulumi-jail-etcd-${name}`;
  return renderUnit("Made by pulumi-jail; a change made here is drift and is undone.", [
    {
      name: "Unit",
      directives: [
        ["Description", `pulumi-jail: servers of the mapping ${name} from etcd`],
        ["After", EDGE_UNIT],
        ["StartLimitIntervalSec", "0"],
      ],
    },
    {
      name: "Service",
      directives: [
        ["LoadCredential", `program:${DIRECTORY}/${name}.pl`],
        ["LoadCredential", `settings:${DIRECTORY}/${name}`],
        ["RuntimeDirectory", run],
        ["RuntimeDirectoryPreserve", "restart"],
        [
          "ExecStart",
          `/usr/bin/perl \${CREDENTIALS_DIRECTORY}/program \${CREDENTIALS_DIRECTORY}/settings /run/${run} ${RUNTIME_DIRECTORY}/admin.sock`,
        ],
        ["Restart", "always"],
        ["RestartSec", "1"],
        ["TimeoutStopSec", "5"],
        ["User", EDGE_USER],
        ["Group", EDGE_USER],
        ["NoNewPrivileges", "yes"],
        ["CapabilityBoundingSet", ""],
        ["ProtectSystem", "strict"],
        ["ProtectHome", "yes"],
        ["PrivateTmp", "yes"],
        ["PrivateDevices", "yes"],
        ["ProtectKernelTunables", "yes"],
        ["ProtectKernelModules", "yes"],
        ["ProtectControlGroups", "yes"],
        ["RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"],
        ["RestrictNamespaces", "yes"],
        ["LockPersonality", "yes"],
        ["MemoryDenyWriteExecute", "yes"],
        ["MemoryMax", "128M"],
        ["TasksMax", "8"],
      ],
    },
    { name: "Install", directives: [["WantedBy", "multi-user.target"]] },
  ]);
}
