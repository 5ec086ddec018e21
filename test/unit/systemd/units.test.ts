import { describe, expect, test } from "vitest";
import { slotNetwork } from "../../../provider/ports/network.ts";
import { allowedAddresses, complementOf } from "../../../provider/systemd/address-filter.ts";
import { hardeningFailure } from "../../../provider/systemd/hardening-overrides.ts";
import { type JailedUnit, renderJailedUnit } from "../../../provider/systemd/jailed-unit.ts";
import { renderNetworkUnit } from "../../../provider/systemd/network-unit.ts";
import { renderRulesUnit } from "../../../provider/systemd/rules-unit.ts";
import { renderUnit } from "../../../provider/systemd/unit.ts";
import { fakeLaunch } from "../../support/fake-service.ts";

const unit: JailedUnit = {
  serviceName: "web",
  slot: "a",
  mark: "pulumi-jail: test",
  rootDirectory: "/var/lib/pulumi-jail/jails/app/generations/0123456789abcdef",
  user: "pj-web",
  uid: 997,
  gid: 996,
  launch: { ...fakeLaunch, limitNOFILE: 8192, killSignal: "SIGWINCH", reloadSignal: "SIGUSR1" },
  execStart: undefined,
  environment: { PRICE: "5 $ 10%" },
  credentials: { key: "/var/lib/pulumi-jail/services/web/a/credentials/key" },
  binds: [
    { hostPath: "/srv/data", jailPath: "/data", readOnly: false },
    { hostPath: "/srv/passwd", jailPath: "/etc/passwd", readOnly: true },
  ],
  namespacePath: "/run/netns/jail-web-a",
  networkUnit: "jailed-web@a-net.service",
  excludes: "jailed-web@b.service",
  allowedAddresses: ["10.0.0.0/8"],
  limitNOFILE: 8192,
  startSeconds: 60,
  limits: { memoryMax: "512M", cpuQuota: "50%", tasksMax: 100 },
  network: "private",
  writeExecuteMemory: false,
  overrides: { UMask: "0027", Nice: "5" },
};

test("the unit of a slot, whole", () => {
  expect(renderJailedUnit(unit)).toBe(`# pulumi-jail: test
[Unit]
Description=Jailed service web, slot a
Requires=jailed-web@a-net.service
Wants=pulumi-jail-rules.service
After=jailed-web@a-net.service
After=pulumi-jail-rules.service network.target
After=jailed-web@b.service
Conflicts=jailed-web@b.service
StartLimitIntervalSec=0
[Service]
Type=exec
Slice=system.slice
ExecStart=/usr/sbin/daemon "-f"
RootDirectoryStartOnly=yes
ExecReload=+/bin/kill -USR1 $MAINPID
Restart=always
RestartSec=1
TimeoutStartSec=60
TimeoutStopSec=30
KillMode=mixed
KillSignal=SIGWINCH
SyslogIdentifier=web
User=pj-web
Group=pj-web
RootDirectory=/var/lib/pulumi-jail/jails/app/generations/0123456789abcdef
WorkingDirectory=/
Environment="LANG=C"
Environment="PRICE=5 $ 10%%"
LoadCredential=key:/var/lib/pulumi-jail/services/web/a/credentials/key
TemporaryFileSystem=/run:mode=0755,nodev,nosuid,noexec,size=4M
TemporaryFileSystem=/dev/shm:mode=1777,nodev,nosuid,noexec,size=256M
TemporaryFileSystem=/run/daemon:uid=997,gid=996,mode=0755,nodev,nosuid,noexec,size=16M
BindPaths=/srv/data:/data
BindReadOnlyPaths=/srv/passwd:/etc/passwd
NoExecPaths=+/data +/tmp +/var/tmp
PrivateNetwork=yes
NetworkNamespacePath=/run/netns/jail-web-a
LimitNOFILE=8192
MountAPIVFS=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
UMask=0027
KeyringMode=private
DevicePolicy=closed
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
IPAddressDeny=any
IPAddressAllow=10.0.0.0/8
Nice=5
MemoryMax=512M
CPUQuota=50%
TasksMax=100
[Install]
WantedBy=multi-user.target
`);
});

test("a program that compiles as it runs keeps its writable code, and nothing else is given up", () => {
  const jit = renderJailedUnit({ ...unit, writeExecuteMemory: true });
  const lines = renderJailedUnit(unit).split("\n");
  expect(jit.split("\n").filter((line) => !lines.includes(line))).toEqual(["MemoryDenyWriteExecute=no"]);
});

test.each([
  ["own-identity", ["SystemCallFilter=@setuid @chown"]],
  ["groups", ["SystemCallFilter=~setgroups:0"]],
  ["owners", ["SystemCallFilter=~@chown:0"]],
  ["netlink", ["RestrictAddressFamilies=AF_NETLINK"]],
  ["resources", ["SystemCallFilter=@resources"]],
  ["proc", ["ProcSubset=all"]],
  ["write-execute", ["MemoryDenyWriteExecute=no"]],
] as const)("a sandbox loosened by %s gives up just that", (loosening, added) => {
  const lines = renderJailedUnit(unit).split("\n");
  const text = renderJailedUnit({ ...unit, loosened: [loosening] });
  expect(text.split("\n").filter((line) => !lines.includes(line))).toEqual(added);
  const other = renderJailedUnit({ ...unit, loosened: [loosening], overrides: { SystemCallFilter: "@basic-io" } });
  expect(other).toContain("\nSystemCallFilter=@basic-io\nSystemCallErrorNumber=");
});

test("a daemon that was seen to write into /run itself owns it; another one does not", () => {
  const writable = [{ path: "/run", kind: "runtime", mode: "0755" }] as const;
  const text = renderJailedUnit({ ...unit, launch: { ...unit.launch, writable } });
  expect(text).toContain("TemporaryFileSystem=/run:uid=997,gid=996,mode=0755,nodev,nosuid,noexec,size=4M\n");
  expect(renderJailedUnit(unit)).toContain("TemporaryFileSystem=/run:mode=0755,");
});

test("only the main process may say that it is ready, unless the packaged unit lets others", () => {
  const launch = { ...unit.launch, type: "notify" } as const;
  expect(renderJailedUnit({ ...unit, launch })).toContain("\nNotifyAccess=main\n");
  expect(renderJailedUnit({ ...unit, launch: { ...launch, notifyAccess: "all" } })).toContain("\nNotifyAccess=all\n");
});

test("a daemon that logs by syslog gets the journal's socket, and another one does not", () => {
  const lines = renderJailedUnit(unit).split("\n");
  const text = renderJailedUnit({ ...unit, launch: { ...unit.launch, syslog: true } });
  expect(text.split("\n").filter((line) => !lines.includes(line))).toEqual([
    "BindReadOnlyPaths=-/run/systemd/journal/dev-log",
  ]);
});

test("what systemd tells of the user is the packaged user's, and what the unit says of it holds", () => {
  const users = [{ name: "queue", group: "queue", home: "/var/lib/queue" }];
  const launch = { ...unit.launch, user: "queue", users, environment: { HOME: "/srv/queue" } };
  const lines = renderJailedUnit({ ...unit, launch }).split("\n");
  expect(lines.filter((line) => /^Environment="(HOME|USER|LOGNAME)=/.test(line))).toEqual([
    'Environment="HOME=/srv/queue"',
    'Environment="LOGNAME=queue"',
    'Environment="USER=queue"',
  ]);
});

test("the network's unit, whole", () => {
  const network = slotNetwork("web", 300, "b");
  expect(network).toEqual({
    namespace: "jail-web-b",
    device: "pjv-300b",
    hostAddress: "100.127.4.178",
    jailAddress: "100.127.4.179",
  });
  const text = renderNetworkUnit({
    serviceName: "web",
    slot: "b",
    mark: "m",
    network,
    uplink: "eth0",
    rulesPath: undefined,
    routesLoopback: false,
  });
  expect(text.split("\n").filter((line) => line.startsWith("Exec"))).toEqual([
    'ExecStart=/bin/sh -c "exec 2>/dev/null; ip link del pjv-300b; ip netns del jail-web-b; true"',
    "ExecStart=/usr/sbin/ip netns add jail-web-b",
    "ExecStart=/usr/sbin/ip link add pjv-300b type veth peer name eth0 netns jail-web-b",
    "ExecStart=/usr/sbin/ip addr add 100.127.4.178/31 dev pjv-300b",
    "ExecStart=/usr/sbin/ip link set pjv-300b up",
    "ExecStart=/usr/sbin/ip -n jail-web-b addr add 100.127.4.179/31 dev eth0",
    "ExecStart=/usr/sbin/ip -n jail-web-b link set lo up",
    "ExecStart=/usr/sbin/ip -n jail-web-b link set eth0 up",
    "ExecStart=/usr/sbin/ip -n jail-web-b route add default via 100.127.4.178",
    'ExecStart=/usr/sbin/ip netns exec jail-web-b /bin/sh -ec "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 || true"',
    'ExecStart=/bin/sh -ec "echo 1 >/proc/sys/net/ipv4/conf/pjv-300b/forwarding; echo 1 >/proc/sys/net/ipv4/conf/pjv-300b/route_localnet; mkdir -p /run/pulumi-jail; [ -e /run/pulumi-jail/forwarding-eth0 ] || cat /proc/sys/net/ipv4/conf/eth0/forwarding >/run/pulumi-jail/forwarding-eth0; echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding"',
    "ExecStop=-/usr/sbin/ip netns del jail-web-b",
  ]);
});

test("a network that leads a port to the loopback is allowed to, and loads its rules at every start", () => {
  const network = slotNetwork("web", 0, "a");
  const shared = { serviceName: "web", slot: "a", mark: "m", network, uplink: "eth0" };
  const plain = renderNetworkUnit({ ...shared, rulesPath: undefined, routesLoopback: false }).split("\n");
  const leading = renderNetworkUnit({ ...shared, rulesPath: "/x/connects.nft", routesLoopback: true }).split("\n");
  expect(leading.filter((line) => !plain.includes(line))).toEqual([
    'ExecStart=/usr/sbin/ip netns exec jail-web-a /bin/sh -ec "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet; echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 || true"',
    "ExecStart=/usr/sbin/ip netns exec jail-web-a /usr/sbin/nft -f /x/connects.nft",
  ]);
});

test("a flush by the distribution's nftables.service is followed by a load of ours, and no service hangs on it", () => {
  const text = renderRulesUnit("m");
  expect(text).toContain("PartOf=nftables.service\nReloadPropagatedFrom=nftables.service\n");
  expect(text).toContain("ExecReload=/usr/sbin/nft -f /var/lib/pulumi-jail/rules.nft\n");
  expect(renderJailedUnit(unit)).not.toMatch(/^Requires=.*rules/m);
});

describe("the address filter", () => {
  test("is the fewest prefixes outside of what is denied", () => {
    expect(complementOf(["0.0.0.0/1"])).toEqual(["128.0.0.0/1"]);
    expect(complementOf(["10.0.0.0/8", "0.0.0.0/5", "128.0.0.0/1"])).toEqual([
      "8.0.0.0/7",
      "11.0.0.0/8",
      "12.0.0.0/6",
      "16.0.0.0/4",
      "32.0.0.0/3",
      "64.0.0.0/2",
    ]);
    expect(complementOf(["0.0.0.0/0"])).toEqual([]);
  });

  test("lets clients in, and keeps metadata services and other jails out", () => {
    const allowed = allowedAddresses("100.127.0.4");
    const holds = (address: string) => allowed.some((prefix) => within(address, prefix));
    expect(
      ["8.8.8.8", "10.1.2.3", "192.168.1.1", "127.0.0.1", "100.64.0.1", "100.127.0.4", "100.127.0.5"].filter(
        (address) => !holds(address),
      ),
    ).toEqual([]);
    expect(
      ["169.254.169.254", "224.0.0.1", "255.255.255.255", "0.1.2.3", "100.127.0.6", "100.127.1.1"].filter(holds),
    ).toEqual([]);
  });
});

test.each([
  ["CapabilityBoundingSet", "CAP_SYS_ADMIN", '"CAP_SYS_ADMIN" is not allowed'],
  ["CapabilityBoundingSet", "CAP_NET_BIND_SERVICE", undefined],
  ["MemoryDenyWriteExecute", "no", undefined],
  ["MemoryDenyWriteExecute", "no\nExecStartPre=/bin/sh", '"no\\nExecStartPre=/bin/sh" is not allowed'],
  ["SystemCallFilter", "@system-service @resources", undefined],
  ["UMask", "22", '"22" is not allowed'],
])("hardening.%s = %j: %s", (name, value, reason) => expect(hardeningFailure(name, value)).toBe(reason));

test.each(["RootDirectory", "User", "ExecStartPre", "NoNewPrivileges", "BindPaths", "Environment", "DynamicUser"])(
  "hardening may not set %s",
  (name) => {
    expect(hardeningFailure(name, "no")).toMatch(/no directive that may be set/);
  },
);

test("no value can end its line or join the next", () => {
  for (const value of ["a\nUser=root", "a\\"])
    expect(() => renderUnit("m", [{ name: "Service", directives: [["X", value]] }])).toThrow(/can't hold/);
});

function within(address: string, prefix: string): boolean {
  const number = (text: string) => text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const [base = "", length] = prefix.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

test("a unit's own patience is kept where it is longer, and never cut short", () => {
  const lines = (launch: Partial<typeof unit.launch>) =>
    renderJailedUnit({ ...unit, launch: { ...unit.launch, ...launch } })
      .split("\n")
      .filter((line) => /^(Timeout|SendSIGKILL|OOMScoreAdjust|LimitMEMLOCK)/.test(line));
  expect(
    lines({
      timeoutStartSeconds: 900,
      timeoutStopSeconds: 0,
      sendSIGKILL: false,
      oomScoreAdjust: -600,
      limitMEMLOCK: "1G",
    }),
  ).toEqual([
    "TimeoutStartSec=900",
    "TimeoutStopSec=infinity",
    "SendSIGKILL=no",
    "LimitMEMLOCK=1G",
    "OOMScoreAdjust=-600",
  ]);
  expect(lines({ timeoutStartSeconds: 10, timeoutStopSeconds: 5 })).toEqual([
    "TimeoutStartSec=60",
    "TimeoutStopSec=30",
  ]);
});

test("a daemon that is handed its sockets is started after them and never without", () => {
  const text = renderJailedUnit({ ...unit, sockets: ["jailed-web@a-1.socket", "jailed-web@a-2.socket"] });
  for (const name of ["jailed-web@a-1.socket", "jailed-web@a-2.socket"]) {
    for (const key of ["Requires", "After", "Sockets"]) expect(text).toContain(`\n${key}=${name}\n`);
  }
  expect(renderJailedUnit(unit)).not.toContain("socket");
});
