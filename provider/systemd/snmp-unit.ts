import { SNMP_ADDRESS, SNMP_PORT } from "../haproxy/agent.ts";
import { renderUnit } from "./unit.ts";

/** What only root writes, and the proxy's user reads. */
export const SNMP_DIRECTORY = "/var/lib/pulumi-jail-snmp";
/** The program that systemd starts for each question. */
export const SNMP_PROGRAM = `${SNMP_DIRECTORY}/respond`;
/** The units, in the order that the step writes them. */
export const SNMP_SOCKET_PATH = "/etc/systemd/system/pulumi-jail-snmp.socket";
/** One instance per question. */
export const SNMP_SERVICE_PATH = "/etc/systemd/system/pulumi-jail-snmp@.service";

/** Only the edge itself reaches it: a loopback address. */
export function renderSnmpSocket(mark: string): string {
  return renderUnit(mark, [
    {
      name: "Unit",
      // No limit of starts, as of the responder's socket: several mappings may come at once.
      directives: [
        ["Description", "Load of hosts with an snmpd, for this edge's HAProxy"],
        ["StartLimitIntervalSec", "0"],
      ],
    },
    {
      name: "Socket",
      directives: [
        ["ListenStream", `${SNMP_ADDRESS}:${SNMP_PORT}`],
        ["Accept", "yes"],
        ["MaxConnections", "64"],
        ["TriggerLimitIntervalSec", "0"],
        ["Slice", "system.slice"],
      ],
    },
    { name: "Install", directives: [["WantedBy", "sockets.target"]] },
  ]);
}

/** The proxy's user, so that nobody else can read communities; of a sandbox as much as the host's responder has. */
export function renderSnmpService(mark: string, user: string): string {
  return renderUnit(mark, [
    {
      name: "Unit",
      directives: [
        ["Description", "Load of a host with an snmpd, for this edge's HAProxy (%i)"],
        ["CollectMode", "inactive-or-failed"],
      ],
    },
    {
      name: "Service",
      directives: [
        ["ExecStart", `-${SNMP_PROGRAM}`],
        ["StandardInput", "socket"],
        ["StandardOutput", "socket"],
        ["StandardError", "journal"],
        ["LogLevelMax", "notice"],
        ["User", user],
        ["NoNewPrivileges", "yes"],
        ["CapabilityBoundingSet", ""],
        ["RuntimeDirectory", "pulumi-jail-snmp"],
        ["RuntimeDirectoryMode", "0700"],
        ["RuntimeDirectoryPreserve", "yes"],
        ["RuntimeMaxSec", "6"],
        ["TimeoutStopSec", "1"],
        ["MemoryMax", "32M"],
        ["TasksMax", "4"],
        ["LimitFSIZE", "65536"],
        ["LimitCORE", "0"],
        ["UMask", "0077"],
        ["Slice", "system.slice"],
      ],
    },
  ]);
}
