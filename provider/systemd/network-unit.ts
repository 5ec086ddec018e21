import type { SlotNetwork } from "../ports/network.ts";
import { renderUnit } from "./unit.ts";

/** The helper unit that makes a slot's network. */
export interface NetworkUnit {
  readonly serviceName: string;
  readonly slot: string;
  readonly mark: string;
  readonly network: SlotNetwork;
  /** Interface through which the host is reached: a packet is forwarded only when both of its interfaces allow it. */
  readonly uplink: string | undefined;
  /** File of rules for inside of the namespace; undefined when there are none. */
  readonly rulesPath: string | undefined;
  /** Whether those rules lead what arrives to 127.0.0.1, which the kernel drops otherwise (route_localnet, ip-sysctl). */
  readonly routesLoopback: boolean;
}

/**
 * A unit of its own and not PrivateNetwork= with a veth pushed in later: address and veth outlive every restart of the
 * service, a stopped service answers RST at once, and nothing races the start. It has no sandbox, or the namespace
 * would not propagate, and it clears what it left, so that it can be run again.
 */
export function renderNetworkUnit({
  serviceName,
  slot,
  mark,
  network,
  uplink,
  rulesPath,
  routesLoopback,
}: NetworkUnit): string {
  const { namespace, device, hostAddress, jailAddress } = network;
  const inside = `/usr/sbin/ip -n ${namespace}`;
  return renderUnit(mark, [
    {
      name: "Unit",
      directives: [
        ["Description", `Network of the jailed service ${serviceName}, slot ${slot}`],
        ["After", "network.target pulumi-jail-rules.service"],
      ],
    },
    {
      name: "Service",
      directives: [
        ["Type", "oneshot"],
        ["RemainAfterExit", "yes"],
        // A unit with an @ would get a slice of its template's name, which stays when the unit goes.
        ["Slice", "system.slice"],
        [
          "ExecStart",
          [
            `/bin/sh -c "exec 2>/dev/null; ip link del ${device}; ip netns del ${namespace}; true"`,
            `/usr/sbin/ip netns add ${namespace}`,
            `/usr/sbin/ip link add ${device} type veth peer name eth0 netns ${namespace}`,
            `/usr/sbin/ip addr add ${hostAddress}/31 dev ${device}`,
            `/usr/sbin/ip link set ${device} up`,
            `${inside} addr add ${jailAddress}/31 dev eth0`,
            `${inside} link set lo up`,
            `${inside} link set eth0 up`,
            `${inside} route add default via ${hostAddress}`,
            `/usr/sbin/ip netns exec ${namespace} /bin/sh -ec "${insideSettings(routesLoopback)}"`,
            `/bin/sh -ec "${outsideSettings(device, uplink)}"`,
            ...(rulesPath ? [`/usr/sbin/ip netns exec ${namespace} /usr/sbin/nft -f ${rulesPath}`] : []),
          ],
        ],
        ["ExecStop", `-/usr/sbin/ip netns del ${namespace}`],
      ],
    },
    { name: "Install", directives: [["WantedBy", "multi-user.target"]] },
  ]);
}

/** Port 80 without a capability; IPv6 on the loopback only, as nothing routes it. */
function insideSettings(routesLoopback: boolean): string {
  return [
    "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start",
    ...(routesLoopback ? ["echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet"] : []),
    "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 || true",
  ].join("; ");
}

/**
 * `net.ipv4.ip_forward` may stay 0: the two interfaces suffice. The uplink's old setting is kept for the day when the
 * last service goes; route_localnet lets the host itself reach 127.0.0.1:hostPort.
 */
function outsideSettings(device: string, uplink: string | undefined): string {
  const at = "/proc/sys/net/ipv4/conf";
  const veth = `echo 1 >${at}/${device}/forwarding; echo 1 >${at}/${device}/route_localnet`;
  if (!uplink) return veth;
  const kept = `/run/pulumi-jail/forwarding-${uplink}`;
  return `${veth}; mkdir -p /run/pulumi-jail; [ -e ${kept} ] || cat ${at}/${uplink}/forwarding >${kept}; echo 1 >${at}/${uplink}/forwarding`;
}
