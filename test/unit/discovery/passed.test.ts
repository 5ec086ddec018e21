import { expect, test } from "vitest";
import { parsePassed } from "../../../provider/discovery/passed.ts";
import { portOf } from "../../../provider/manifest/launch.ts";

/** As trace-prepare.sh told it of Debian 12's rpcbind.socket. */
const rpcbind = [
  "rpcbind.socket ListenStream /run/rpcbind.sock",
  "rpcbind.socket ListenStream 0.0.0.0:111",
  "rpcbind.socket ListenDatagram 0.0.0.0:111",
  "rpcbind.socket ListenStream [::]:111",
  "rpcbind.socket ListenDatagram [::]:111",
  "rpcbind.socket BindIPv6Only ipv6-only",
  "rpcbind.socket FileDescriptorName rpcbind.socket",
];

test("the sockets that a daemon was handed keep their order, names and options", () => {
  expect(parsePassed([...rpcbind, "other.socket ListenStream 631"])).toEqual([
    {
      unit: "rpcbind.socket",
      fileDescriptorName: "rpcbind.socket",
      listens: [
        { type: "stream", address: "/run/rpcbind.sock" },
        { type: "stream", address: "0.0.0.0:111" },
        { type: "datagram", address: "0.0.0.0:111" },
        { type: "stream", address: "[::]:111" },
        { type: "datagram", address: "[::]:111" },
      ],
      options: { BindIPv6Only: "ipv6-only" },
    },
    {
      unit: "other.socket",
      fileDescriptorName: "other.socket",
      listens: [{ type: "stream", address: "631" }],
      options: {},
    },
  ]);
});

test("only an address of the network has a port", () => {
  const addresses = ["631", "127.0.0.1:631", "[::]:631", "/run/x:631", "@x:631"];
  expect(addresses.map(portOf)).toEqual([631, 631, 631, undefined, undefined]);
});
