import { expect, test } from "vitest";
import { renderHosts, renderResolvConf, userName } from "../../../provider/passwd/hosts.ts";
import { renderGroup, renderPasswd } from "../../../provider/passwd/passwd.ts";

const users = [
  { name: "www-data", group: "www-data", home: "/var/www" },
  { name: "app", group: "www-data", home: "/srv" },
  { name: "root", group: "root", home: "/root" },
];

test("passwd holds root, who can't log in, and the unit's names with the service's uid", () => {
  expect(renderPasswd(users, 997, 996)).toBe(`root:x:0:0::/root:/usr/sbin/nologin
www-data:x:997:996::/var/www:/usr/sbin/nologin
app:x:997:996::/srv:/usr/sbin/nologin
`);
});

test("a group of two users is there once", () => {
  expect(renderGroup(users, 996)).toBe("root:x:0:\nwww-data:x:996:\n");
});

test("further groups of a user are known by name, with the service's gid", () => {
  const user = { name: "db", group: "db", home: "/", groups: ["ssl-cert"] };
  expect(renderGroup([user], 996)).toBe("root:x:0:\ndb:x:996:\nssl-cert:x:996:\n");
});

test.each(["a:b", "a\nb"])("a home of %j is refused", (home) => {
  expect(() => renderPasswd([{ name: "x", group: "x", home }], 1, 1)).toThrow(/field of passwd/);
});

test("hosts names the host itself and what the jail connects to", () => {
  expect(renderHosts("web1", "100.127.0.1", { db: "100.126.0.2", cache: "100.126.0.1" })).toBe(`127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
100.127.0.1 web1
100.126.0.1 cache
100.126.0.2 db
`);
});

test("name servers on the host's loopback are no use in a jail", () => {
  expect(renderResolvConf(["127.0.0.53", "192.0.2.53"])).toBe("nameserver 192.0.2.53\n");
});

test("a user's name fits useradd's 31 characters and stays distinct", () => {
  expect(userName("web")).toBe("pj-web");
  const long = "a".repeat(39);
  expect(userName(`${long}x`)).toHaveLength(31);
  expect(userName(`${long}x`)).not.toBe(userName(`${long}y`));
});
