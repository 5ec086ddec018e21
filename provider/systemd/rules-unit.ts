import { renderRules } from "../nftables/rules.ts";
import { FIRST_RESERVED_PORT, LAST_ALLOCATED_PORT } from "../ports/allocation.ts";
import { renderUnit } from "./unit.ts";

/** The unit that loads our table. */
export const RULES_UNIT = "pulumi-jail-rules.service";
/** The table's file; services' fragments are included by it. */
export const RULES_PATH = "/var/lib/pulumi-jail/rules.nft";

const reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
const kept = "/run/pulumi-jail/reserved-ports";
const registry = "/var/lib/pulumi-jail/ports";
/** `,PORT` for each fixed one, wherever it lies; systemd makes a tab of `\t` and `$` of `$$` (systemd.service(5)). */
const fixed = `awk -v OFS=, '/\\tfixed\\t/ { print none, $$4 }' ${registry}`;

/**
 * Loads our one table. PartOf= and the propagated reload bring it back after nftables.service has flushed everything
 * (`flush ruleset` is the first line of Debian's own file); its first start is not covered, so the table is read, not
 * the unit's state. It also takes our range, and every fixed port, out of what the kernel gives to programs that ask for any port (step-ports.sh adds
 * those that come later).
 */
export function renderRulesUnit(mark: string): string {
  const range = `${FIRST_RESERVED_PORT}-${LAST_ALLOCATED_PORT}`;
  return renderUnit(mark, [
    {
      name: "Unit",
      directives: [
        ["Description", "Port map of the jailed services"],
        ["DefaultDependencies", "no"],
        ["After", "local-fs.target nftables.service"],
        ["Before", "network-pre.target shutdown.target"],
        ["Conflicts", "shutdown.target"],
        ["PartOf", "nftables.service"],
        ["ReloadPropagatedFrom", "nftables.service"],
      ],
    },
    {
      name: "Service",
      directives: [
        ["Type", "oneshot"],
        ["RemainAfterExit", "yes"],
        [
          "ExecStart",
          [
            `/usr/sbin/nft -f ${RULES_PATH}`,
            `-/bin/sh -c "mkdir -p /run/pulumi-jail; [ -e ${kept} ] || cat ${reserved} >${kept}; { cat ${kept}; echo ,${range}; ${fixed} 2>/dev/null; } | tr -d '\\n' | sed s/^,// >${reserved}"`,
          ],
        ],
        ["ExecReload", `/usr/sbin/nft -f ${RULES_PATH}`],
        [
          "ExecStop",
          [`-/usr/sbin/nft delete table inet pulumi_jail`, `-/bin/sh -c "cat ${kept} >${reserved}; rm -f ${kept}"`],
        ],
      ],
    },
    { name: "Install", directives: [["WantedBy", "multi-user.target"]] },
  ]);
}

/** The table's file and unit: all jailed services of a host share them, and its forwarded ports. */
export const sharedRulesFiles: readonly { readonly path: string; readonly mode: string; readonly content: string }[] = [
  { path: RULES_PATH, mode: "0600", content: renderRules() },
  {
    path: `/etc/systemd/system/${RULES_UNIT}`,
    mode: "0644",
    content: renderRulesUnit("pulumi-jail: shared by all jailed services; what is changed here is drift"),
  },
];
