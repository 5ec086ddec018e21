import { expect, test } from "vitest";
import { renderSocketUnit, type SocketUnit, socketBinds } from "../../../provider/systemd/socket-unit.ts";

const unit: SocketUnit = {
  serviceUnit: "jailed-web@a.service",
  mark: "pulumi-jail: test",
  socket: {
    unit: "app.socket",
    fileDescriptorName: "app.socket",
    listens: [
      { type: "stream", address: "/run/app/app.sock" },
      { type: "stream", address: "[::]:111" },
      { type: "datagram", address: "0.0.0.0:111" },
      { type: "sequential-packet", address: "@app" },
    ],
    options: { BindIPv6Only: "ipv6-only" },
  },
  places: { "/run/app/app.sock": "/srv/a/1" },
  namespacePath: "/run/netns/jail-web-a",
  networkUnit: "jailed-web@a-net.service",
  allowedAddresses: ["10.0.0.0/8"],
  network: "private",
  writeExecuteMemory: false,
  overrides: {},
};

test("the socket unit of a slot, whole", () => {
  expect(renderSocketUnit(unit)).toBe(`# pulumi-jail: test
[Unit]
Description=Sockets of jailed-web@a.service, as app.socket has them
Requires=jailed-web@a-net.service
After=jailed-web@a-net.service
PartOf=jailed-web@a.service
[Socket]
Service=jailed-web@a.service
Slice=system.slice
FileDescriptorName=app.socket
ListenStream=/srv/a/1
ListenStream=[::]:111
ListenDatagram=0.0.0.0:111
ListenSequentialPacket=@app
BindIPv6Only=ipv6-only
SocketMode=0666
PrivateNetwork=yes
NetworkNamespacePath=/run/netns/jail-web-a
IPAddressDeny=any
IPAddressAllow=10.0.0.0/8
`);
});

test("in the host's network a socket is opened there, behind the filter that the service's owner asked for", () => {
  const text = renderSocketUnit({
    ...unit,
    network: "host",
    namespacePath: undefined,
    networkUnit: undefined,
    overrides: { IPAddressAllow: "localhost" },
  });
  expect(text).not.toMatch(/Network|Requires/);
  expect(text).toContain("IPAddressAllow=localhost\n");
});

test("a path with what a unit file would take for its own is refused", () => {
  const socket = { ...unit.socket, listens: [{ type: "stream", address: "/run/a b" } as const] };
  expect(() => renderSocketUnit({ ...unit, socket, places: {} })).toThrow("can't be written into a unit file");
});

test("a socket is shown in the jail below /run only: elsewhere its mount point would change the tree", () => {
  expect(socketBinds({ "/run/app/app.sock": "/srv/a/1", "/var/spool/app/public": "/srv/a/2" })).toEqual([
    { hostPath: "/srv/a/1", jailPath: "/run/app/app.sock", readOnly: true },
  ]);
});
