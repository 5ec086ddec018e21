import { expect, test } from "vitest";
import type { Connection } from "../../../provider/host/connection.ts";
import { closeHosts, hostFor, poolKey } from "../../../provider/host/pool.ts";

const web1: Connection = {
  host: "web1",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA\nssh-rsa BBBB",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};
const bastion: Connection = { ...web1, host: "bastion", hostKey: "ssh-ed25519 CCCC" };

test("the credential and how to dial are no part of what makes two connections one", () => {
  const other: Connection = {
    ...web1,
    name: "another name",
    privateKey: "KEY",
    password: "secret",
    agentSocketPath: "/x",
    dialErrorLimit: 1,
    perDialTimeout: 1,
    hostKey: "ssh-rsa BBBB\n ssh-ed25519 AAAA\n",
  };
  expect(poolKey(other)).toBe(poolKey(web1));
  expect(poolKey(web1)).not.toContain("KEY");
  expect(hostFor(other)).toBe(hostFor(web1));
  closeHosts();
});

test("user, host, port, sudo, host key and each hop make another connection", () => {
  const others: Connection[] = [
    { ...web1, user: "ops" },
    { ...web1, host: "web2" },
    { ...web1, port: 23 },
    { ...web1, sudo: true },
    { ...web1, hostKey: "ssh-ed25519 AAAA" },
    { ...web1, proxy: bastion },
    { ...web1, proxy: { ...bastion, hostKey: "ssh-ed25519 DDDD" } },
    { ...web1, proxy: { ...bastion, proxy: bastion } },
  ];
  expect(new Set([web1, ...others].map(poolKey)).size).toBe(9);
});
