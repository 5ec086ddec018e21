import { digestOfText } from "../haproxy/certificates.ts";
import type { Step } from "../host/step.ts";
import { daemonReload } from "../host/steps/units.ts";
import { type Forward, renderForward } from "../nftables/forward.ts";
import { RULES_UNIT, sharedRulesFiles } from "../systemd/rules-unit.ts";
import type { Forwarding } from "./forward-observe.ts";

/** A sentence for each thing that is not as declared; empty means that there is nothing to do. */
export function describeForwardDrift(declared: Forward, found: Forwarding): readonly string[] {
  const { name } = declared;
  const mine = found.forwards.find((forward) => forward.name === name);
  return [
    ...(mine
      ? [
          ...(mine.text === renderForward(declared) ? [] : [`rules of mapping ${name} changed`]),
          ...(mine.mode === MODE ? [] : [`rules of mapping ${name} have mode ${mine.mode}, not ${MODE}`]),
        ]
      : [`rules of mapping ${name} are gone`]),
    ...(found.stale.includes(name) ? [`mapping ${name} leads to where a jail was before`] : []),
    ...driftOfShared(found),
    ...(found.table === "absent" ? ["the kernel has no port rules of ours (table inet pulumi_jail)"] : []),
    ...(found.table === "changed" ? ["the port rules (table inet pulumi_jail) were changed"] : []),
    ...(found.table !== "absent" && !found.led && declared.targets.length > 0
      ? [`the kernel does not forward ${declared.protocol} port ${declared.bindPort} of ${declared.address}`]
      : []),
    ...found.closed.map((device) => `forwarding is off on ${device}`),
    ...(found.settled ? [] : ["forwarding would not come back after a reboot"]),
  ];
}

/** The steps to a forward as declared; none when it is. */
export function planForward(declared: Forward, renamedFrom: string | undefined, found: Forwarding): readonly Step[] {
  if (describeForwardDrift(declared, found).length === 0 && renamedFrom === undefined) return [];
  const { name } = declared;
  return [
    ...planShared(name, found),
    {
      step: "forward-put",
      args: [name, renamedFrom ?? "-", found.guard],
      content: renderForward(declared),
      describe: `forwarding ${declared.protocol} port ${declared.bindPort} of ${declared.address} in one transaction`,
    },
  ];
}

/** Takes a forward away. */
export function planForwardRemoval(name: string): Step {
  return { step: "forward-drop", args: [name], describe: `taking the forwarded port of ${name} away` };
}

const MODE = "600:root:root";

/** The table's file and unit belong to all of the host: jailed services have the same. */
function driftOfShared(found: Forwarding): readonly string[] {
  return [
    ...sharedRulesFiles.flatMap(({ path, mode, content }) => {
      const file = found.files.get(path);
      if (!file) return [`${path} is gone`];
      const wanted = `${mode.replace(/^0/, "")}:root:root`;
      return [
        ...(file.sha256 === digestOfText(content) ? [] : [`${path} changed`]),
        ...(file.mode === wanted ? [] : [`${path} has mode ${file.mode}, not ${wanted}`]),
      ];
    }),
    ...(found.unit["UnitFileState"] === "enabled" ? [] : [`${RULES_UNIT} is not enabled`]),
    ...(found.unit["ActiveState"] === "active" ? [] : [`${RULES_UNIT} is not active`]),
    ...(found.unit["NeedDaemonReload"] === "yes" ? [`${RULES_UNIT} differs from what systemd has loaded`] : []),
  ];
}

function planShared(name: string, found: Forwarding): readonly Step[] {
  if (driftOfShared(found).length === 0) return [];
  const bundle = sharedRulesFiles.map(
    ({ path, mode, content }) => `${path} ${mode} ${Buffer.byteLength(content)}\n${content}`,
  );
  return [
    {
      step: "forward-shared-files",
      args: [name],
      content: bundle.join(""),
      describe: "writing the host's port rules",
    },
    daemonReload([RULES_UNIT]),
    { step: "service-enable", args: [RULES_UNIT], describe: `enabling ${RULES_UNIT}` },
  ];
}
