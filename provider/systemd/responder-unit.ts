import { renderUnit } from "./unit.ts";

/** What only root may write and everybody read: the responder's program, and the registry as it tells it. */
export const RESPONDER_DIRECTORY = "/var/lib/pulumi-jail-responder";
/** The program that systemd starts for each connection. */
export const RESPONDER_PROGRAM = `${RESPONDER_DIRECTORY}/respond`;
/** Its units; an instance of the socket's is named by where it listens. */
export const RESPONDER_SOCKET_PATH = "/etc/systemd/system/pulumi-jail-responder@.socket";
/** One instance per connection. */
export const RESPONDER_SERVICE_PATH = "/etc/systemd/system/pulumi-jail-responder@.service";

/** The instance that listens at one address. */
export function responderSocket(address: string, port: number): string {
  return `pulumi-jail-responder@${address}:${port}.socket`;
}

/**
 * systemd itself listens; FreeBind= as an address may come later than sockets.target. No limit of triggers: a socket that
 * was asked too often would be given up for ever (TriggerLimitIntervalSec= in systemd.socket(5)). None of starts: each of
 * many services that come at once starts it anew, and the sixth within ten seconds was refused (systemd.unit(5)).
 */
export function renderResponderSocket(mark: string): string {
  return renderUnit(mark, [
    {
      name: "Unit",
      directives: [
        ["Description", "Load and ports of this host, for edges"],
        ["StartLimitIntervalSec", "0"],
      ],
    },
    {
      name: "Socket",
      directives: [
        ["ListenStream", "%I"],
        ["FreeBind", "yes"],
        ["Accept", "yes"],
        ["MaxConnections", "64"],
        ["TriggerLimitIntervalSec", "0"],
        ["Slice", "system.slice"],
      ],
    },
    { name: "Install", directives: [["WantedBy", "sockets.target"]] },
  ]);
}

/**
 * No more of a sandbox than costs nothing: filters of system calls make an answer take 50 ms, mount namespaces 80, and an
 * edge asks for each server every two seconds. Higher priority, as a host under load is just what has to be told.
 */
export function renderResponderService(mark: string): string {
  return renderUnit(mark, [
    {
      name: "Unit",
      directives: [
        ["Description", "Load and ports of this host, for edges (%i)"],
        ["CollectMode", "inactive-or-failed"],
      ],
    },
    {
      name: "Service",
      directives: [
        ["ExecStart", `-${RESPONDER_PROGRAM}`],
        ["StandardInput", "socket"],
        ["StandardOutput", "socket"],
        ["StandardError", "journal"],
        ["LogLevelMax", "notice"],
        // nobody by number: PID 1 warns of the name at each start (config_parse_user_group_compat), which is at each answer.
        ["User", "65534"],
        ["Group", "65534"],
        ["NoNewPrivileges", "yes"],
        ["CapabilityBoundingSet", ""],
        ["RuntimeDirectory", "pulumi-jail-responder"],
        ["RuntimeDirectoryPreserve", "yes"],
        ["RuntimeMaxSec", "5"],
        ["TimeoutStopSec", "1"],
        ["Nice", "-5"],
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
