import { expect, test } from "vitest";
import { insideRules, loopbackPorts } from "../../../provider/jailed-service/inside-rules.ts";

const launch = {
  listens: [
    { protocol: "tcp", jailPort: 6379, loopback: true },
    { protocol: "udp", jailPort: 53, loopback: true },
    { protocol: "tcp", jailPort: 80 },
  ],
} as const;
const ports = {
  db: { jailPort: 6379, protocol: "tcp" },
  names: { jailPort: 53, protocol: "udp" },
  "names-tcp": { jailPort: 53, protocol: "tcp" },
  web: { jailPort: 80, protocol: "tcp" },
  socket: { socket: "/run/x.sock" },
} as const;
const inputs = { network: "private", ports, connects: undefined } as const;

test("a declared port that the daemon serves on its loopback only is led there; others are left alone", () => {
  expect(insideRules(inputs, launch)).toBe(`table inet connects
delete table inet connects
table inet connects {
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    iifname "eth0" udp dport 53 dnat ip to 127.0.0.1
    iifname "eth0" tcp dport 6379 dnat ip to 127.0.0.1
  }
}
`);
});

test("a port that is not declared stays on the loopback", () => {
  expect(insideRules({ ...inputs, ports: { web: ports.web } }, launch)).toBeUndefined();
});

test("in the host's network nothing is led anywhere", () => {
  expect(loopbackPorts({ ...inputs, network: "host" }, launch)).toEqual([]);
});

test("names that it connects to and ports on the loopback are one table", () => {
  const endpoint = {
    name: "db.tcp.10.0.0.9",
    protocol: "tcp",
    address: "10.0.0.9",
    hostPort: 20128,
    jailPort: 3306,
    responder: { hostPort: 20129 },
  } as const;
  const text = insideRules({ ...inputs, ports: { db: ports.db }, connects: { db: { endpoint } } }, launch);
  expect(text?.split("\n").filter((line) => line.includes("dnat"))).toEqual([
    "    ip daddr 100.126.0.1 tcp dport 3306 dnat ip to 10.0.0.9:20128",
    '    iifname "eth0" tcp dport 6379 dnat ip to 127.0.0.1',
  ]);
});
