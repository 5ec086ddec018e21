import type { TestHost } from "../../dev/hosts/index.ts";

/** The same way in as a jailed service has: a namespace, a veth pair and one element of a port map, made by hand. */
export async function openNamespace(host: TestHost, hostPort: number): Promise<string> {
  await host.exec(["sh", "-c", script, "sh", host.address, String(hostPort)]);
  return "bench";
}

/** Addresses far from those that services get; the rules are those of the product's table that a request meets. */
const script = `set -eu
ip netns add bench
ip link add bench-veth type veth peer name eth0 netns bench
ip addr add 100.96.0.0/31 dev bench-veth
ip link set bench-veth up
ip -n bench addr add 100.96.0.1/31 dev eth0
ip -n bench link set lo up
ip -n bench link set eth0 up
ip -n bench route add default via 100.96.0.0
ip netns exec bench sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
echo 1 >/proc/sys/net/ipv4/conf/bench-veth/forwarding
echo 1 >/proc/sys/net/ipv4/conf/host0/forwarding
nft -f - <<RULES
table inet bench {
  map tcp4 {
    type ipv4_addr . inet_service : ipv4_addr . inet_service
    elements = { $1 . $2 : 100.96.0.1 . 80 }
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto tcp dnat ip to ip daddr . tcp dport map @tcp4
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 oifname "bench-*" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "bench-*" ct status dnat accept
    iifname "bench-*" ct state established,related accept
    oifname "bench-*" drop
    iifname "bench-*" drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "bench-*" ct state established,related accept
    iifname "bench-*" drop
  }
}
RULES
`;
