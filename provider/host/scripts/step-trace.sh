# shellcheck shell=sh
# systemd itself runs the distribution's unit, each Exec line wrapped in strace, as a runtime unit in the build root: no
# meaning of a unit file is lost (Type=, prefixes, quoting, variables). strace -D leaves the daemon the unit's main process.

# step_trace_unit ID UNIT DEADLINE PROBE..: as trace_probe_source has them. It does start, probe, reload, stop. Leaves in
# log/: unit (the runtime unit), facts (KEY=VALUE lines), one strace log per Exec line.
step_trace_unit() {
  build=$STATE/build/$1
  trace_name=pulumi-jail-trace-$1.service
  trace_unit=$2
  shift 2
  trace_code=0
  trace_sockets=needed
  trace_errors=$(trace_once "$@" 2>&1) || trace_code=$?
  # A socket that its unit does not ask for may be what it needs all the same.
  if [ "$trace_code" = 4 ] && grep -q '^unpassed=' "$build/log/facts"; then
    trace_code=0
    trace_sockets=all
    trace_errors=$(trace_once "$@" 2>&1) || trace_code=$?
  fi
  if [ "$trace_code" = 4 ] && add_recommended; then
    trace_code=0
    trace_errors=$(trace_once "$@" 2>&1) || trace_code=$?
    trace_tried="; so it did with what its packages recommend: $(cat "$build/recommended")"
    [ "$trace_code" != 0 ] || printf 'recommended=%s\n' "$(cat "$build/recommended")" >>"$build/log/facts"
  fi
  [ "$trace_code" = 0 ] && return
  printf '%s\n' "$trace_errors" | sed "1s|\$|${trace_tried:-}|" >&2
  exit "$trace_code"
}

# trace_once ARG..: called where set -e is off.
trace_once() {
  open_trace_root "${build##*/}" || return
  systemd-tmpfiles --root="$build/trace" --create --prefix=/run >"$build/log/tmpfiles" 2>&1 || true
  perl -e "$(trace_prepare_program)" "$trace_unit" "$build/trace" "$build/log" "jail-build-${build##*/}" "$trace_address" "$trace_sockets" || return
  open_trace_network "${build##*/}" || return
  mkdir -p /run/systemd/system || return
  cp -- "$build/log/unit" "/run/systemd/system/$trace_name" || return
  chmod 0644 "/run/systemd/system/$trace_name"
  awk '/^# /{ out = "/run/systemd/system/" $2 } { print >out }' "$build/log/sockets" || return
  for trace_socket in "/run/systemd/system/${trace_name%.service}".*.socket; do [ ! -e "$trace_socket" ] || chmod 0644 "$trace_socket"; done
  with_host_lock systemctl daemon-reload || return
  trace_run_code=0
  perl -e "$(trace_run_program)" "$trace_name" "$trace_unit" "$build/trace" "$build/log" "$@" || trace_run_code=$?
  remove_trace_unit "${build##*/}"
  [ "$trace_run_code" != 0 ] || adopt_prepared || trace_run_code=$?
  close_trace_root || return
  return "$trace_run_code"
}

# step_read_unit ID UNIT: only what the unit says; nothing is started.
step_read_unit() {
  open_trace_root "$1"
  perl -e "$(trace_prepare_program)" "$2" "$build/trace" "$build/log" "jail-build-$1" "$trace_address" needed
  close_trace_root
}

# open_trace_root ID: the daemon, and what it writes, in an overlay of its own over the pristine root.
open_trace_root() {
  build=$STATE/build/$1
  remove_trace_unit "$1"
  close_trace_root
  rm -rf -- "$build/log"
  mkdir -- "$build/log" "$build/layers/trace-upper"
  chmod 0755 "$build/layers/trace-upper"
  # The root overlay is one overlay deep already; where the host's root is one too, a third is refused by the kernel, but
  # there the upper directory lies on a tmpfs and may be a lower directory beside the host's root (else it may not).
  mount_overlay "$build/root" trace-upper trace-work "$build/trace" 2>/dev/null ||
    mount_overlay "$build/layers/upper:$(cat "$build/lower")" trace-upper trace-work "$build/trace"
}

# open_trace_network ID: what a jail's is like: an address besides the loopback's (some daemons listen on nothing without
# one), low ports for all users, and no way out.
trace_address=100.127.255.1
open_trace_network() {
  close_trace_network "$1"
  ip netns add "jail-build-$1" || return
  ip -n "jail-build-$1" link set lo up
  ip -n "jail-build-$1" link add eth0 type veth peer name peer0
  ip -n "jail-build-$1" addr add "$trace_address/31" dev eth0
  ip -n "jail-build-$1" link set peer0 up
  ip -n "jail-build-$1" link set eth0 up
  ip netns exec "jail-build-$1" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
}

close_trace_network() {
  [ ! -e "/run/netns/jail-build-$1" ] || ip netns delete "jail-build-$1"
}

close_trace_root() {
  unmount_below "$build/trace"
  rm -rf -- "$build/layers/trace-upper" "$build/layers/trace-work"
}

# remove_trace_unit ID: also what a killed run left running.
remove_trace_unit() {
  traced=pulumi-jail-trace-$1.service
  if [ ! -e "/run/systemd/system/$traced" ]; then
    close_trace_network "$1"
    return 0
  fi
  systemctl kill --signal=KILL --kill-who=all "$traced" 2>/dev/null || true
  remove_socket_units "${traced%.service}"
  timeout 20 systemctl stop "$traced" 2>/dev/null || true
  systemctl reset-failed "$traced" 2>/dev/null || true
  rm -f -- "/run/systemd/system/$traced"
  rmdir -- "/run/systemd/propagate/$traced" 2>/dev/null || true
  close_trace_network "$1"
  with_host_lock systemctl daemon-reload
}

# remove_socket_units NAME: those of the runtime unit NAME.service; with them it ends, as it requires them.
remove_socket_units() {
  for socket_unit in "/run/systemd/system/$1".*.socket; do
    [ -e "$socket_unit" ] || continue
    timeout 20 systemctl stop "${socket_unit##*/}" 2>/dev/null || true
    systemctl reset-failed "${socket_unit##*/}" 2>/dev/null || true
    rm -f -- "$socket_unit"
  done
}

trace_run_program() {
  cat <<'PERL'
use strict;
use Socket qw(:DEFAULT inet_ntop);
my ($name, $unit, $root, $log, $deadline, @words) = @ARGV;
my @probes = parsed_probes(@words);
my $end = time + $deadline;
open my $facts, ">>", "$log/facts" or die "cannot write $log/facts: $!\n";

my %unit = map { /^unit\.(\w+)=(.*)$/ ? ($1 => $2) : () } read_lines("$log/facts");
mark("start");
my $since = time - 1;
system("timeout", remaining(), "systemctl", "start", $name) == 0 or gave_up("did not start");
my ($kind) = map { $unit{Type} // "simple" } 1;
my $oneshot = $kind eq "oneshot";
# A type that tells when it is ready needs no more than a look whether that is all.
my $quiet_for = $kind =~ /^(simple|exec|idle|dbus)$/ ? 3 : 0.5;
wait_until_ready($quiet_for) unless $oneshot;
my $main = main_process();
if (!$oneshot && !$main) { gave_up("ended by itself right after its start") }
mark("probe");
if ($main) {
  fact("main=$main");
  for (listeners($main)) { fact("listen=$_") }
  probe($main);
  settle(0.3);
  look_at($main);
  if (length($unit{ExecReload} // "") || $kind eq "notify-reload") {
    mark("reload");
    system("timeout", remaining(20), "systemctl", "reload", $name);
    settle(0.3);
  }
}
mark("stop");
system("systemctl", "stop", "--no-block", $name);
pause(0.15);
settle(0.3);
system("systemctl", "kill", "--signal=KILL", "--kill-who=all", $name) if grep { $$_{comm} ne "strace" } members();
# strace writes its log out when the last of its processes has ended.
for (1 .. 40) { last unless members(); pause(0.05) }
mark("end");
close $facts or die "cannot write the facts: $!\n";

# What the daemon asked for last and did not find: files and directories, less what it found under another path.
sub missing_files {
  my ($last) = sort { ($b =~ m{/(\d+)\.})[0] <=> ($a =~ m{/(\d+)\.})[0] } glob "$log/*.ExecStart";
  my (%found, @missing);
  for (defined $last ? read_lines($last) : ()) {
    my ($directory, $path) = /(?:<(\/[^>]*)>, )?"((?:[^"\\]|\\.)*)"/ or next;
    my ($name) = $path =~ m{([^/]+)/*$} or next;
    if (!/ = -1 /) { $found{$name} = 1; next }
    next unless / = -1 ENOENT/ && !/ execve\(/;
    $path = "$directory/$path" if $path !~ m{^/} && defined $directory;
    push @missing, $path if $path =~ m{^/} && $path !~ m{^/(proc|sys|dev)/|/(glibc-hwcaps|locale|gconv)(/|$)|^/etc/ld\.so|/nscd/};
  }
  my %seen;
  @missing = grep { my ($name) = m{([^/]+)/*$}; !$found{$name} && !$seen{$_}++ && !-e "$root$_" } reverse @missing;
  splice @missing, 8 if @missing > 8;
  return @missing;
}
PERL
  trace_look_source
}

# What the traced run and the trial in the jail (step-trial.sh) share: looking at a unit's processes, and probing them. The
# main part before it declares $name, $unit, $root, $log, @probes, $end, $since, $facts.
trace_look_source() {
  trace_probe_source
  cat <<'PERL'
sub fact { print $facts "$_[0]\n" }
sub mark { chomp(my $now = `date +%s.%N`); fact("phase=$_[0] $now") }
sub pause { select undef, undef, undef, $_[0] }
sub remaining { my $left = $end - time; $left = $_[0] if $_[0] && $left > $_[0]; return $left > 1 ? $left : 1 }
sub read_lines { open my $in, "<", $_[0] or return; return <$in> }

sub gave_up {
  my ($what, @more) = @_;
  my ($result) = map { s/^Result=//r } grep { /^Result=/ } `systemctl show -p Result $name`;
  chomp $result;
  $what = "did not start within $deadline seconds" if time >= $end;
  my ($place, $identifier) = $name =~ /^pulumi-jail-trial-/ ? ("its jail", $name) : ("the build root", $unit);
  print STDERR "$unit $what in $place (result: $result)\n", map { "$_\n" } @more;
  system "journalctl", "--sync";
  # Of the tracer, and not of the service.
  my $noise = qr/left-over process|indicates unclean termination|\(strace\) remains running|^(Job for|See "systemctl)/;
  print STDERR grep { !/$noise/ } `journalctl -q --no-pager -o cat -n 30 --since=\@$since SYSLOG_IDENTIFIER=$identifier + _SYSTEMD_UNIT=$name + UNIT=$name`;
  my @missing = defined &missing_files ? missing_files() : ();
  print STDERR "it asked for and did not find, the last first: @missing\n" if @missing;
  my @facts = defined &missing_files ? read_lines("$log/facts") : ();
  my ($socket, $lacks) = map { /^unfit=(\S+) (\S+)/ ? ($1, $2) : () } @facts;
  print STDERR "on a host $socket may hand it its sockets; those of $lacks are none that a jail has\n" if defined $socket;
  exit 4;
}

# The unit's processes, by control group of version 1 or 2.
my @group_files;
sub members {
  my @found;
  if (!@group_files) {
    my ($group) = map { /^ControlGroup=(.+)$/ ? $1 : () } `systemctl show -p ControlGroup $name`;
    @group_files = map { "/sys/fs/cgroup$_$group/cgroup.procs" } "", "/systemd", "/unified" if defined $group;
  }
  my %pids = map { chomp; $_ => 1 } map { read_lines($_) } @group_files;
  for my $directory (map { "/proc/$_" } keys %pids) {
    my ($stat) = read_lines("$directory/stat") or next;
    my ($pid, $comm, $rest) = $stat =~ /^(\d+) \((.*)\) (.*)$/s or next;
    my @rest = split / /, $rest;
    push @found, { pid => $pid, comm => $comm, state => $rest[0], parent => $rest[1], ticks => $rest[11] + $rest[12], start => $rest[19] };
  }
  return @found;
}

# A forking unit without PIDFile= has MainPID 0 while strace is among its processes: then the one whose parent is outside.
sub main_process {
  my ($told) = map { /^MainPID=(\d+)/ ? $1 : () } `systemctl show -p MainPID $name`;
  my @members = grep { $$_{comm} ne "strace" && $$_{state} ne "Z" } members();
  return $told if $told && grep { $$_{pid} == $told } @members;
  my %inside = map { $$_{pid} => 1 } @members;
  my @outer = sort { $$a{start} <=> $$b{start} || $$a{pid} <=> $$b{pid} } grep { !$inside{$$_{parent}} } @members;
  return @outer ? $outer[0]{pid} : 0;
}

sub listeners {
  my ($pid) = @_;
  my %found;
  for my $protocol ("tcp", "tcp6", "udp", "udp6") {
    for (read_lines("/proc/$pid/net/$protocol")) {
      my ($address, $port, $remote, $state) = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) (\S+) ([0-9A-F]{2})/ or next;
      next unless $state eq ($protocol =~ /tcp/ ? "0A" : "07") && $remote =~ /:0000$/;
      $found{($protocol =~ s/6//r) . " " . hex($port) . " " . ($protocol =~ /6/ ? address6($address) : address4($address))} = 1;
    }
  }
  for (read_lines("/proc/$pid/net/unix")) {
    my @line = split " ", $_, 8;
    next unless defined $line[7] && $line[3] eq "00010000" && $line[7] =~ m{^(/\S*)$};
    # What systemd opened for it lies where it is seen from outside.
    my $path = length $root && index($1, "$root/") == 0 ? substr($1, length $root) : $1;
    $found{"unix $path"} = 1 if -S "$root$path";
  }
  return sort keys %found;
}

sub address4 { join ".", reverse unpack "C4", pack "H8", $_[0] }
sub address6 { inet_ntop(AF_INET6, pack "V4", unpack "N4", pack "H32", $_[0]) }

# Until it listens and has listened to no more for a third of a second, or does nothing at all any more.
sub wait_until_ready {
  my ($quiet_for) = @_;
  my ($before, $ticks, $same, $idle, $alone, @missing) = ("", -1, 0, 0, 0);
  while (time < $end) {
    my @all = members() or return;
    my @members = grep { $$_{comm} ne "strace" && $$_{state} ne "Z" } @all;
    # Until it executes the daemon, strace is the main process; after its end it is there for a moment as well.
    if (!@members) { return if ++$alone > 20; pause(0.1); next }
    my $main = main_process();
    my @listeners = $main ? listeners($main) : ();
    my $sum = 0; $sum += $$_{ticks} for @members;
    $same = @listeners && "@listeners" eq $before ? $same + 1 : 0;
    $idle = $sum == $ticks ? $idle + 1 : 0;
    ($before, $ticks) = ("@listeners", $sum);
    @missing = grep { my $port = $_; !grep { /^(tcp|udp) $port / } @listeners } wanted_ports();
    return if $same >= 3 && !@missing && $idle >= 2;
    return if $idle >= $quiet_for * 10 && (!@missing || $quiet_for <= 1);
    pause(0.1);
  }
  gave_up("did not begin to listen on @missing") if @missing;
}

sub settle {
  my ($seconds) = @_;
  my ($ticks, $idle) = (-1, 0);
  for (1 .. 30) {
    my @busy = grep { $$_{comm} ne "strace" } members() or return;
    my $sum = 0; $sum += $$_{ticks} for @busy;
    $idle = $sum == $ticks ? $idle + 0.1 : 0;
    $ticks = $sum;
    return if $idle >= $seconds - 0.05;
    pause(0.1);
  }
}

# What can only be seen while it runs.
sub look_at {
  my ($main) = @_;
  for my $member (grep { $$_{comm} ne "strace" } members()) {
    fact("writeExecuteMemory=yes") if grep { /^\S+ rwx/ } read_lines("/proc/$$member{pid}/maps");
  }
  for my $listener (listeners($main)) { fact("listen=$listener") }
  my %shown;
  my @queue = ("/run");
  while (defined(my $directory = shift @queue)) {
    my @stat = lstat "$root$directory" or next;
    next unless -d _ && !$shown{$directory}++;
    fact(sprintf "runtime=%04o %d %d %s", $stat[2] & 07777, $stat[4], $stat[5], $directory);
    opendir my $entries, "$root$directory" or next;
    push @queue, map { "$directory/$_" } grep { !/^\.\.?$/ } readdir $entries;
  }
}
PERL
}
