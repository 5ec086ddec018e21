# shellcheck shell=sh
# ask_status: how a host and what it runs are now, within seconds. CONTENT says of what, a line each, its fields parted by
# tabs: `service NAME USER`, `check NAME tcp|http ADDRESS PORT ..` (ADDRESS `-`: that of the slot which serves), `check NAME
# exec PROGRAM ARGUMENT..`, `jail NAME`, `edge`. Answers in lines of the same kind (provider/cli/status/answer.ts).
ask_status() {
  perl -e "$(probe_source)$(status_source)" -- "$STATE" "$(responder_draining)" <"$CONTENT"
  if grep -qx edge "$CONTENT" && [ -e "/etc/systemd/system/$EDGE_UNIT" ]; then
    printf 'edge\t%s\n' "$(systemctl show --property=ActiveState,SubState,NRestarts,MemoryCurrent,ActiveEnterTimestampMonotonic -- "$EDGE_UNIT" | base64 -w 0)"
    printf 'info\t%s\n' "$(edge_answer 'show info' 'Name: HAProxy')"
    printf 'stat\t%s\n' "$(edge_answer 'show stat' '# pxname')"
  fi
}

status_source() {
  cat <<'PERL'
$SIG{PIPE} = "IGNORE"; $| = 1;
my ($state, $draining) = @ARGV; my (@services, %user, %checks, @jails);
while (<STDIN>) {
  chomp; my ($word, $name, @rest) = split /\t/;
  if ($word eq "service") { push @services, $name; $user{$name} = $rest[0] }
  elsif ($word eq "check") { push @{$checks{$name}}, \@rest }
  elsif ($word eq "jail") { push @jails, $name }
}
my ($uptime) = slurp("/proc/uptime") =~ /^(\d+)/;
my ($total) = slurp("/proc/meminfo") =~ /^MemTotal:\s+(\d+)/m; my ($free) = slurp("/proc/meminfo") =~ /^MemAvailable:\s+(\d+)/m;
my $processors = () = slurp("/proc/cpuinfo") =~ /^processor\s*:/mg;
say_line("host", $uptime, (slurp("/proc/loadavg") =~ /^(\S+)/)[0], $processors || 1, $total, $free);
my @ports = map { [split /\t/] } grep { !/^#/ } split /\n/, slurp("$state/ports");
ask_responder();
for my $jail (@jails) {
  my ($generation) = slurp("$state/jails/$jail/record.json") =~ /"generation":"([0-9a-f]*)"/;
  my @kept = grep { -d $_ && m{/[0-9a-f]{16}$} } glob "$state/jails/$jail/generations/*";
  say_line("jail", $jail, $generation, scalar @kept);
}
my %units = map { ($$_{Id} => $_) } units(map { ("jailed-$_\@a.service", "jailed-$_\@b.service") } @services);
my %children;
for my $service (@services) {
  my $rules = slurp("$state/services/$service/rules.nft");
  my ($slot) = $rules =~ /^# pulumi-jail: service [a-z0-9-]+, slot ([ab]),/;
  ($slot) = grep { ($units{"jailed-$service\@$_.service"}{ActiveState} // "inactive") ne "inactive" } "a", "b" unless $slot;
  my $name = $slot ? "jailed-$service\@$slot.service" : ""; my %unit = %{$units{$name} // {}};
  my (undef, $generation) = $slot ? split / /, (split /\n/, slurp("$state/services/$service/$slot/uses"))[0] // "" : ();
  my ($until) = slurp("$draining/$service") =~ /^(\d+)$/m;
  say_line("service", $service, $name, @unit{qw(ActiveState SubState Result NRestarts)}, since(\%unit), number($unit{MemoryCurrent}),
    number($unit{CPUUsageNSec}), number($unit{TasksCurrent}), $generation, $until && $uptime < $until ? "drain" : "ready", -e "$state/services/$service" ? "known" : "absent");
  say_line("port", $service, @$_[1 .. 4]) for grep { $$_[0] eq $service && $$_[2] ne "net" } @ports;
  next unless ($unit{ActiveState} // "") eq "active" && $checks{$service};
  my ($address) = $rules =~ / : ([0-9.]+) \. \d+/; my (undef, undef, $uid, $gid) = getpwnam $user{$service};
  # Each in a process of its own: one that hangs keeps no other waiting, and none longer than eight seconds.
  pipe my $read, my $write or next; my $pid = fork // next;
  if (!$pid) {
    close $read; alarm 8; my $why = "";
    for (@{$checks{$service}}) {
      my ($type, @rest) = @$_; if ($type eq "exec") { unshift @rest, $uid, $gid } elsif ($rest[0] eq "-") { $rest[0] = $address // "" }
      $why = $type ne "exec" && $rest[0] eq "" ? "no port leads to it" : probe(sub { $unit{MainPID} }, $type, @rest); last if $why ne "";
    }
    syswrite $write, $why eq "" ? "up" : "down\t" . clean($why); require POSIX; POSIX::_exit(0);
  }
  close $write; $children{$service} = [$pid, $read];
}
for my $service (sort keys %children) {
  my ($pid, $read) = @{$children{$service}}; my $said = do { local $/; <$read> } // ""; waitpid $pid, 0;
  print "health\t$service\t" . ($said eq "" ? "down\tthe check gave no answer within 8 s" : $said) . "\n";
}
sub clean { my $text = $_[0] // ""; $text =~ s/[\t\n\r]+/ /g; $text }
sub say_line { print join("\t", map { clean($_) } @_), "\n" }
sub slurp { open my $in, "<", $_[0] or return ""; local $/; scalar <$in> // "" }
sub number { ($_[0] // "") =~ /^(\d{1,18})$/ ? $1 : "" }
sub since { my ($u) = @_; my $at = $$u{ActiveEnterTimestampMonotonic} || 0; ($$u{ActiveState} // "") eq "active" && $at ? int(($uptime * 1e6 - $at) / 1e6) : "" }
sub units {
  return () unless @_; my @units = ({});
  open my $in, "-|", "systemctl", "show", "--no-pager", "--property=Id,ActiveState,SubState,Result,NRestarts,MainPID,MemoryCurrent,CPUUsageNSec,TasksCurrent,ActiveEnterTimestampMonotonic", "--", @_ or return ();
  while (<$in>) { chomp; if ($_ eq "") { push @units, {}; next } my ($key, $value) = split /=/, $_, 2; $units[-1]{$key} = $value }
  grep { defined $$_{Id} } @units;
}
# Asked as edges ask it, so that its silence is seen: `weight PERCENT ADDRESS:PORT`, `weight - ADDRESS:PORT`.
sub ask_responder {
  my ($link) = glob "/etc/systemd/system/sockets.target.wants/pulumi-jail-responder\@*.socket"; return unless $link;
  my ($address, $port) = $link =~ /\@([0-9.]+|\*):(\d+)\.socket$/ or return; my $s = dial($address eq "*" ? "127.0.0.1" : $address, $port); my $answer = "";
  if ($s) { syswrite $s, "GET /ports HTTP/1.0\r\n\r\n"; while (length $answer < 1048576 && sysread $s, my $bytes, 65536) { $answer .= $bytes } }
  say_line("responder", "$address:$port", $answer =~ /^HTTP/ ? "answers" : "silent", $answer =~ /"weight":(\d+)/ ? $1 : "");
}
PERL
}
