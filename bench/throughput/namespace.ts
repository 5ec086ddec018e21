import type { TestHost } from "../../dev/hosts/index.ts";

/** The namespace's name, and of its veth's end on the host: the product's rules are for devices that begin so. */
const NAMESPACE = "bench";
const DEVICE = "pjv-bench";

/** A namespace with a way in, as a jailed service has; made by hand. */
export interface Namespace {
  readonly name: string;
  close(): Promise<void>;
}

/** On a host without a port map: the product's table as another host has it, with one element. */
export async function openNamespaceAway(host: TestHost, hostPort: number, productHost: TestHost): Promise<Namespace> {
  const { stdout } = await productHost.exec(["cat", "/var/lib/pulumi-jail/rules.nft"]);
  // Without its last line: this host has no services whose elements could be included.
  await host.exec(["nft", "-f", "-"], { input: stdout.replaceAll(/^include .*$/gm, "") });
  return openNamespaceBeside(host, hostPort);
}

/** On a host with jailed services: one more element of their map, as a second table would slow down the services too. */
export async function openNamespaceBeside(host: TestHost, hostPort: number): Promise<Namespace> {
  await host.exec(["sh", "-c", makeNamespace]);
  const element = `{ ${host.address} . ${hostPort} : ${INSIDE} . 80 }`;
  const words = ["element", "inet", "pulumi_jail", "tcp4", element];
  await host.exec(["nft", "add", ...words]);
  return { name: NAMESPACE, close: () => removeNamespace(host, ["delete", ...words]) };
}

async function removeNamespace(host: TestHost, nft: readonly string[]): Promise<void> {
  await host.exec(["nft", ...nft]);
  await host.exec(["ip", "link", "delete", DEVICE]);
  await host.exec(["ip", "netns", "delete", NAMESPACE]);
}

/** Far from the addresses that services get. */
const OUTSIDE = "100.96.0.0";
const INSIDE = "100.96.0.1";

const makeNamespace = `set -eu
ip netns add ${NAMESPACE}
ip link add ${DEVICE} type veth peer name eth0 netns ${NAMESPACE}
ip addr add ${OUTSIDE}/31 dev ${DEVICE}
ip link set ${DEVICE} up
ip -n ${NAMESPACE} addr add ${INSIDE}/31 dev eth0
ip -n ${NAMESPACE} link set lo up
ip -n ${NAMESPACE} link set eth0 up
ip -n ${NAMESPACE} route add default via ${OUTSIDE}
ip netns exec ${NAMESPACE} sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
echo 1 >/proc/sys/net/ipv4/conf/${DEVICE}/forwarding
echo 1 >/proc/sys/net/ipv4/conf/host0/forwarding
`;
