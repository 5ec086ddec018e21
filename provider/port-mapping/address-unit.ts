import { treeOf } from "../generation/layout.ts";
import { RUNTIME_DIRECTORY } from "../haproxy/paths.ts";
import { EDGE_DIRECTORY, EDGE_UNIT, EDGE_USER } from "./unit.ts";

/** keepalived(8), which holds the virtual addresses of this edge. */
export const ADDRESS_UNIT = "pulumi-jail-edge-address.service";
/** What tells it whether the proxy answers. */
export const WATCH_UNIT = "pulumi-jail-edge-watch.service";
/** The base directory of keepalived's own jail. */
export const ADDRESS_JAIL_BASE = `${EDGE_DIRECTORY}/keepalived`;
/** Where its configuration lies, in the jail as on the host. */
export const ADDRESS_CONFIGURATION = `${EDGE_DIRECTORY}/address`;

const MARK = "# Made by pulumi-jail; a change made here is drift and is undone.";

/** What both have in common. */
const CONFINED = `NoNewPrivileges=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
DevicePolicy=closed
UMask=0022
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
`;

/**
 * keepalived without root: a user made for each run, with the capabilities to give an interface an address and to speak
 * VRRP and ARP, in the host's network.
 */
export function renderAddressUnit(digest: string): string {
  return `${MARK}
[Unit]
Description=pulumi-jail: virtual addresses of this host's port mappings
Wants=${WATCH_UNIT}
After=network-online.target ${WATCH_UNIT}
StartLimitIntervalSec=0

[Service]
Type=exec
RootDirectory=${treeOf(ADDRESS_JAIL_BASE, digest)}
RootDirectoryStartOnly=yes
MountAPIVFS=yes
BindReadOnlyPaths=${ADDRESS_CONFIGURATION}
BindReadOnlyPaths=/run/pulumi-jail-edge-watch
RuntimeDirectory=pulumi-jail-edge-address
RuntimeDirectoryMode=0700
ExecStart=/usr/sbin/keepalived --dont-fork --vrrp --log-console --no-syslog -f ${ADDRESS_CONFIGURATION}/keepalived.conf -p /run/pulumi-jail-edge-address/main.pid -r /run/pulumi-jail-edge-address/vrrp.pid
ExecReload=+/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
TimeoutStopSec=5
DynamicUser=yes
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET
PrivateDevices=yes
PrivateIPC=yes
ProtectProc=invisible
ProtectKernelTunables=yes
${CONFINED}
[Install]
WantedBy=multi-user.target
`;
}

/**
 * Asks the proxy three times a second, as its own user, from outside of its jail: a proxy that hangs is as gone as one
 * that is dead. Its program comes by standard input, as its user may not enter our directory. When the watcher ends, nobody knows, and the address goes to another edge.
 */
export function renderWatchUnit(): string {
  return `${MARK}
[Unit]
Description=pulumi-jail: tells whether this host's HAProxy answers
After=${EDGE_UNIT}
StartLimitIntervalSec=0

[Service]
StandardInput=file:${ADDRESS_CONFIGURATION}/watch.pl
ExecStart=/usr/bin/perl - ${RUNTIME_DIRECTORY}/admin.sock /run/pulumi-jail-edge-watch/proxy
ExecStopPost=/bin/sh -c 'echo 1 >/run/pulumi-jail-edge-watch/proxy'
Restart=always
RestartSec=1
RuntimeDirectory=pulumi-jail-edge-watch
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
User=${EDGE_USER}
Group=${EDGE_USER}
CapabilityBoundingSet=
PrivateNetwork=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectSystem=strict
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX
${CONFINED}
[Install]
WantedBy=multi-user.target
`;
}

/** No modules of perl: nothing of a host but perl-base's program. 1 until it answered twice, and after it failed twice. */
export const WATCHER = `# Made by pulumi-jail; a change made here is drift and is undone.
use strict;
my ($socket, $file) = @ARGV;
my ($said, $run, $before) = (-1, 0, -1);
report(1);
while (1) {
  my $is = answers() ? 0 : 1;
  $run = $is == $before ? $run + 1 : 1;
  $before = $is;
  report($is) if $run >= 2;
  select undef, undef, undef, 0.3;
}

sub report {
  return if $said == $_[0];
  open my $out, ">", $file or die "cannot write $file: $!\\n";
  print $out "$_[0]\\n";
  close $out or die "cannot write $file: $!\\n";
  print STDERR $_[0] ? "HAProxy does not answer\\n" : "HAProxy answers\\n";
  $said = $_[0];
}

sub answers {
  my $answer = "";
  eval {
    local $SIG{ALRM} = sub { die "late\\n" };
    local $SIG{PIPE} = "IGNORE";
    alarm 1;
    socket my $s, 1, 1, 0 or die;
    connect $s, pack("S a*", 1, $socket) or die;
    syswrite $s, "show info\\n" or die;
    my $wait = "";
    vec($wait, fileno $s, 1) = 1;
    select($wait, undef, undef, 0.7) or die;
    sysread $s, $answer, 64;
    alarm 0;
    close $s;
  };
  alarm 0;
  return $answer =~ /^Name: HAProxy/;
}
`;
