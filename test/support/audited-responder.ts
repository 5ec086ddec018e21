import type { TestHost } from "../../dev/hosts/index.ts";

/**
 * One process that writes the id of every POST into a file before it answers, and echoes websocket messages (RFC 6455)
 * with its name before them. A POST takes 0.1 s and is applied at its begin or its end by its id, so that a kill meets some
 * of both. One thread: a kill leaves a POST either applied or not. perl-base has no clock finer than a second, /proc/uptime is,
 * and no SHA-1, which the handshake needs; sha1sum(1) has.
 */
const RESPONDER = `
use strict; use IO::Socket::INET; use IO::Select;
my ($port, $name) = @ARGV; $SIG{PIPE} = "IGNORE";
mkdir "/root/audit"; open my $audit, ">>", "/root/audit/$name" or die $!;
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 512, ReuseAddr => 1) or die $!;
my $select = IO::Select->new($listener); my (%text, %upgraded, @late);
while (1) {
  while (@late && $late[0][0] <= uptime()) { my ($at, $socket, $id) = @{shift @late}; note($id) if $id =~ /[02468]$/; say_name($socket); leave($socket) }
  for my $socket ($select->can_read(@late ? 0.01 : undef)) {
    if ($socket == $listener) { my $client = $listener->accept or next; $client->blocking(1); $select->add($client); next }
  my $read = sysread $socket, my $bytes, 65536;
  if (!$read) { leave($socket); next }
  $text{$socket} .= $bytes;
  ($upgraded{$socket} ? converse($socket) : answer($socket)) or leave($socket);
} }
sub uptime { open my $in, "<", "/proc/uptime" or die $!; (split " ", <$in>)[0] }
sub note { syswrite $audit, "$_[0]\\n" }
sub say_name { syswrite $_[0], "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($name) . "\\r\\nConnection: close\\r\\n\\r\\n$name" }
sub leave { my $socket = shift; $select->remove($socket); delete $text{$socket}; delete $upgraded{$socket}; close $socket }
sub answer {
  my $socket = shift; my $head = index $text{$socket}, "\\r\\n\\r\\n"; return 1 if $head < 0;
  my $request = substr $text{$socket}, 0, $head + 2;
  if (my ($key) = $request =~ /^sec-websocket-key: *([A-Za-z0-9+\\/=]+)\\r/im) {
    my ($digest) = \`printf %s \${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11 | sha1sum\` =~ /^([0-9a-f]{40})/;
    my $accept = substr(pack("u", pack "H*", $digest), 1, 27); $accept =~ tr| -_\`|A-Za-z0-9+/A|;
    syswrite $socket, "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: $accept=\\r\\n\\r\\n";
    $upgraded{$socket} = 1; substr($text{$socket}, 0, $head + 4) = ""; return converse($socket);
  }
  my ($length) = $request =~ /^content-length: *(\\d+)/im; return 1 if length($text{$socket}) < $head + 4 + ($length // 0);
  if (my ($id) = $request =~ m{^POST /(\\S+)}) { note($id) if $id !~ /[02468]$/; $select->remove($socket); push @late, [uptime() + 0.1, $socket, $id]; return 1 }
  say_name($socket); 0;
}
sub converse {
  my $socket = shift;
  while (length $text{$socket} >= 6) {
    my ($kind, $length) = unpack "CC", $text{$socket}; $length &= 127; return 0 if $length > 125;
    return 1 if length($text{$socket}) < 6 + $length;
    my $mask = substr $text{$socket}, 2, 4; my $said = substr $text{$socket}, 6, $length; substr($text{$socket}, 0, 6 + $length) = "";
    $said ^= substr $mask x 32, 0, $length;
    if (($kind & 15) == 8) { syswrite $socket, pack("CC", 0x88, length $said) . $said; return 0 }
    syswrite $socket, pack("CC", 0x81, length "$name $said") . "$name $said";
  }
  1;
}
`;

/** A responder that runs on a host. */
export interface AuditedResponder {
  readonly name: string;
  readonly address: string;
  readonly hostPort: number;
  readonly host: TestHost;
}

/** Starts one as a transient unit of systemd and waits until it listens. Names are used once, ports may come again. */
export async function startAudited(host: TestHost, name: string, hostPort: number): Promise<AuditedResponder> {
  await host.exec(["sh", "-c", "cat >/root/audited.pl"], { input: RESPONDER });
  await host.exec([
    "systemd-run",
    "-q",
    "--collect",
    `--unit=${name}`,
    "perl",
    "/root/audited.pl",
    `${hostPort}`,
    name,
  ]);
  await host.exec(["sh", "-c", `until ss -Hltn 'sport = :${hostPort}' | grep -q .; do sleep 0.05; done`]);
  return { name, address: host.address, hostPort, host };
}

/** Ends one with a signal; what it wrote stays. */
export async function endAudited({ host, name }: AuditedResponder, signal: "TERM" | "KILL" = "TERM"): Promise<void> {
  await host.exec(["systemctl", "kill", "-s", signal, `${name}.service`]);
}

/** How often each id was applied, over all responders that ever ran on these hosts. */
export async function appliedOn(hosts: readonly TestHost[]): Promise<ReadonlyMap<string, number>> {
  const applied = new Map<string, number>();
  for (const host of hosts) {
    const { stdout } = await host.exec(["sh", "-c", "cat /root/audit/* 2>/dev/null || true"]);
    for (const id of stdout.split("\n").filter(Boolean)) applied.set(id, (applied.get(id) ?? 0) + 1);
  }
  return applied;
}
