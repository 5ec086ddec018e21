import { JAIL_NETWORKS } from "../ports/network.ts";

/**
 * Our one table, the same on every host; services add their elements by fragments of their own (fragment.ts). The
 * host's own rules stay untouched. Loading it is one transaction. A port is bound to one address, never to all. The
 * second masquerade lets jails of one host reach each other's ports; `ct status dnat` lets in what the map sent and nothing
 * else. Ports of mappings without a proxy have chains of their own (forward.ts); whoever is led to another host comes from
 * this one, or the answer would not come back. What a jail asks for is judged before the map leads it elsewhere: a port published on its own host is no exception.
 */
export function renderRules(): string {
  return `# pulumi-jail: the port map of this host; services add their elements below
table inet pulumi_jail
delete table inet pulumi_jail
table inet pulumi_jail {
  map tcp4 {
    type ipv4_addr . inet_service : ipv4_addr . inet_service
  }
  map udp4 {
    type ipv4_addr . inet_service : ipv4_addr . inet_service
  }
  set egress4 {
    type ipv4_addr . ipv4_addr . inet_service
    flags interval
  }
  map forwards {
    type inet_proto . ipv4_addr . inet_service : verdict
  }
  set forwarded {
    type inet_proto . ipv4_addr . inet_service
  }
  chain outgoing {
    type filter hook prerouting priority -110; policy accept;
    iifname "pjv-*" ct state new meta l4proto { tcp, udp } ip saddr . ip daddr . th dport != @egress4 drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto . ip daddr . th dport vmap @forwards
    meta l4proto tcp dnat ip to ip daddr . tcp dport map @tcp4
    meta l4proto udp dnat ip to ip daddr . udp dport map @udp4
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta l4proto . ip daddr . th dport vmap @forwards
    meta l4proto tcp dnat ip to ip daddr . tcp dport map @tcp4
    meta l4proto udp dnat ip to ip daddr . udp dport map @udp4
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname != "pjv-*" ct status dnat meta l4proto . ip daddr . th dport @forwarded masquerade
    ip saddr 127.0.0.0/8 oifname "pjv-*" masquerade
    ip saddr ${JAIL_NETWORKS} oifname "pjv-*" ct status dnat masquerade
    ip saddr ${JAIL_NETWORKS} oifname != "pjv-*" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip daddr ${JAIL_NETWORKS} oifname != "pjv-*" drop
    oifname "pjv-*" ct status dnat accept
    iifname "pjv-*" ct state established,related accept
    oifname "pjv-*" ct state established,related accept
    oifname "pjv-*" drop
    iifname "pjv-*" ip daddr ${JAIL_NETWORKS} drop
    iifname "pjv-*" meta l4proto { tcp, udp } ip saddr . ip daddr . th dport @egress4 accept
    iifname "pjv-*" drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "pjv-*" ct state established,related accept
    iifname "pjv-*" drop
  }
}
include "/var/lib/pulumi-jail/services/*/rules.nft"
include "/var/lib/pulumi-jail/edge/forwards/*.nft"
`;
}
