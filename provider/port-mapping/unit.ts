import { treeOf } from "../generation/layout.ts";
import { EDGE_CONFIGURATION, RUNTIME_DIRECTORY } from "../haproxy/paths.ts";

export const EDGE_UNIT = "pulumi-jail-edge.service";
export const EDGE_UNIT_PATH = `/etc/systemd/system/${EDGE_UNIT}`;
export const EDGE_DIRECTORY = "/var/lib/pulumi-jail/edge";
/** The base directory of the proxy's own jail (generation/layout.ts). */
export const EDGE_JAIL_BASE = `${EDGE_DIRECTORY}/haproxy`;
export const EDGE_USER = "pulumi-jail-edge";

/** sysusers.d(5); the description is our mark. */
export const EDGE_SYSUSERS = `u ${EDGE_USER} - "pulumi-jail edge" - -\n`;

const MARK = "# Made by pulumi-jail; a change made here is drift and is undone.";

/** A unit of this name without our first line is somebody else's. */
export function isOurUnit(text: string): boolean {
  return text.startsWith("# Made by pulumi-jail");
}

/**
 * The proxy in the host's network, as a user of its own with the one capability that low ports need. No PrivateUsers=:
 * the capability has to count in the host's network namespace. RestartSec= and StartLimitIntervalSec=0: by default five
 * failed starts within a second are given up for ever. EnvironmentFile= and what it names are of a hand-over from an older
 * jail (scripts/edge-hand-over.sh), for which the sockets outlive the process.
 */
export function renderEdgeUnit(digest: string): string {
  return `${MARK}
[Unit]
Description=pulumi-jail: HAProxy of this host's port mappings
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
RootDirectory=${treeOf(EDGE_JAIL_BASE, digest)}
RootDirectoryStartOnly=yes
MountAPIVFS=yes
BindReadOnlyPaths=${EDGE_CONFIGURATION}
RuntimeDirectory=${RUNTIME_DIRECTORY.slice("/run/".length)}
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=restart
EnvironmentFile=-/run/pulumi-jail/edge-takes
ExecStart=/usr/sbin/haproxy -Ws -f ${EDGE_CONFIGURATION}/haproxy.cfg -S ${RUNTIME_DIRECTORY}/master.sock,mode,600 $EDGE_TAKES
ExecReload=+/bin/kill -USR2 $MAINPID
KillMode=mixed
Restart=always
RestartSec=1
SuccessExitStatus=143
TimeoutStopSec=35
LimitNOFILE=65536
User=${EDGE_USER}
Group=${EDGE_USER}
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
TemporaryFileSystem=/dev/shm:mode=1777,nodev,nosuid,noexec,size=16M
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
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
DevicePolicy=closed
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** The generation that a unit's text names. */
export function generationOf(unitText: string): string | undefined {
  return /^RootDirectory=.*\/haproxy\/generations\/([0-9a-f]{16})$/m.exec(unitText)?.[1];
}
