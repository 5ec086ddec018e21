import { expect, test } from "vitest";
import { type ProofWish, parseProof, violations } from "../../../provider/jailed-service/proof.ts";

/** As a real host printed it for Apache: the main process and one worker. */
const text = `init mnt=4026532840 net=4026532843 ipc=4026532842 user=4026531837 uts=4026532841
main 700
pid 700 root=65024:1001 mnt=4026533100 net=4026533200 ipc=4026533300 user=4026533400 uts=4026533500 uid=997,997,997,997 gid=996,996,996,996 groups=996 caps=0000000000000000,0000000000000000,0000000000000000,0000000000000000,0000000000000000 nnp=1 seccomp=2
pid 701 root=65024:1001 mnt=4026533100 net=4026533200 ipc=4026533300 user=4026533400 uts=4026533500 uid=997,997,997,997 gid=996,996,996,996 groups= caps=0000000000000000,0000000000000000,0000000000000000,0000000000000000,0000000000000000 nnp=1 seccomp=2
mount / /jails/app/generations/x ro,nosuid,relatime ext4 rw
mount /proc / ro,nosuid,nodev,noexec proc rw,hidepid=invisible,subset=pid
mount /dev / ro,nosuid,noexec tmpfs rw
mount /run / rw,nosuid,nodev,noexec tmpfs rw,size=4096k
mount /tmp /systemd-private-1/tmp rw,nosuid,nodev,noexec ext4 rw
mount /var/log/apache2 /services/web/scratch/var-log-apache2 rw,nosuid,nodev,noexec ext4 rw
mount /etc/passwd /services/web/a/passwd ro,nosuid ext4 rw
nofile 8192`;

const wish: ProofWish = {
  tree: "65024:1001",
  uid: 997,
  gid: 996,
  network: "private",
  namespaceInode: "4026533200",
  hasCapabilities: false,
  hardening: {},
  bound: ["/var/log/apache2"],
};

const seen = (changed: string) => violations(parseProof(changed.split("\n")), wish);

test("a process that is confined as it should be shows nothing", () => {
  expect(seen(text)).toEqual([]);
  expect(parseProof(text.split("\n"))).toMatchObject({ main: 700, nofile: 8192 });
});

test.each([
  [/(pid 701 root=)65024:1001/, "$19:2", "process 701: its root is not the generation's tree"],
  [/uid=997,997,997,997(.*\n)/, "uid=997,0,997,997$1", "process 700: its uids are 997,0,997,997, not 997"],
  [/groups=996/, "groups=996,27", "process 700: it has supplementary groups 996,27"],
  [
    /0000000000000000 nnp/,
    "0000000000000400 nnp",
    "process 700: it holds capabilities 0000000000000000,0000000000000000,0000000000000000,0000000000000000,0000000000000400",
  ],
  [/nnp=1/, "nnp=0", "process 700: it can gain privileges"],
  [/seccomp=2/, "seccomp=0", "process 700: no filter of system calls is on"],
  [/mnt=4026533100/, "mnt=4026532840", "process 700: it is in the host's mount namespace"],
  [/net=4026533200/, "net=4026532843", "process 700: it is not in its own network namespace"],
  [/ipc=4026533300/, "ipc=4026532842", "process 700: it is in the host's IPC namespace"],
  [/user=4026533400/, "user=4026531837", "process 700: it is in the host's user namespace"],
  [/uts=4026533500/, "uts=4026532841", "process 700: it is in the host's UTS namespace"],
  [/generations\/x ro,nosuid/, "generations/x rw,nosuid", "its root is writable"],
  [/\/run \/ rw(\S+) tmpfs/, "/run /jails/app/generations/x/run rw$1 ext4", "/run is a foreign bind mount"],
  [/hidepid=invisible,/, "", "/proc has hidepid=off"],
  [/(var-log-apache2 rw,nosuid,nodev),noexec/, "$1", "/var/log/apache2 is writable and programs on it can run"],
  [/\/etc\/passwd (\S+) ro,nosuid/, "/etc/passwd $1 rw,noexec", "/etc/passwd is a foreign bind mount"],
])("%s is a violation, also of a child", (pattern, replacement, sentence) => {
  const changed = text.replace(pattern, replacement);
  expect(changed).not.toBe(text);
  expect(seen(changed)).toEqual([`isolation is not in force: ${sentence}`]);
});

test("no process to look at is a violation, never a pass", () => {
  expect(seen("init mnt=1\nmain 0")).toEqual(["no process of it could be read back"]);
});
