# shellcheck shell=sh
# service_healthy UNIT DEADLINE SETTLE <CHECKS: waits until every check has passed twice in a row and then for SETTLE
# seconds more, or tells why not. A check is a line, its fields parted by tabs: `tcp ADDRESS PORT`,
# `http ADDRESS PORT FIRST-LAST PATH`, `exec UID GID PROGRAM ARGUMENT..`. Without any, the unit has to stay active for a second.
service_healthy() {
  perl -e '
    use strict; use Socket; use Errno; use IO::Handle;
    my ($unit, $deadline, $settle) = @ARGV; my @checks = map { chomp; [split /\t/] } <STDIN>;
    my $begin = time; my ($streak, $why, $well, $looked) = (0, "", 0, 0); $SIG{PIPE} = "IGNORE";
    sub state_of { map { /^(\w+)=(.*)$/ } `systemctl show --property=ActiveState,SubState,NRestarts,MainPID,Result,Type -- $unit` }
    my %first = state_of();
    while (1) {
      my $now = time;
      if ($now != $looked) { # the unit itself, once a second
        $looked = $now; my %s = state_of();
        if ($s{ActiveState} eq "failed") { fail("$unit failed: $s{Result}") }
        if ($s{NRestarts} >= 3) { fail("$unit ended $s{NRestarts} times: $s{Result}" . ($why ? "; $why" : "")) }
        if (!@checks) { if ($s{ActiveState} eq "active" && $s{NRestarts} == 0) { $why = ""; $streak = $now - $begin >= 1 ? 2 : 0 } else { $why = "$unit is $s{ActiveState}"; $streak = 0 } }
      }
      if (@checks) { $why = ""; for my $check (@checks) { $why = probe(@$check); last if $why ne "" } $streak = $why eq "" ? $streak + 1 : 0 }
      if ($streak >= 2) { $well ||= time; exit 0 if time - $well >= $settle } else { $well = 0 }
      fail("not healthy within $deadline s: $why") if $now - $begin >= $deadline;
      select undef, undef, undef, ($well ? 0.5 : 0.05);
    }
    sub fail { print "$_[0]\n"; exit 1 }
    sub probe { my ($type, @rest) = @_; $type eq "exec" ? run(@rest) : $type eq "http" ? http(@rest) : tcp(@rest) }
    sub dial {
      my ($address, $port) = @_;
      socket my $s, PF_INET, SOCK_STREAM, 0 or return; 
      setsockopt $s, SOL_SOCKET, SO_SNDTIMEO, pack("l!l!", 2, 0); setsockopt $s, SOL_SOCKET, SO_RCVTIMEO, pack("l!l!", 5, 0);
      connect($s, sockaddr_in($port, inet_aton($address))) ? $s : undef;
    }
    sub tcp { my ($address, $port) = @_; my $s = dial($address, $port); $s ? "" : "no tcp connection to port $port: $!" }
    sub http {
      my ($address, $port, $range, $path) = @_; my $s = dial($address, $port) or return "no tcp connection to port $port: $!";
      syswrite $s, "GET $path HTTP/1.0\r\nHost: $address\r\nUser-Agent: pulumi-jail\r\nConnection: close\r\n\r\n";
      my $answer = ""; while (length $answer < 512 && sysread $s, my $bytes, 512) { $answer .= $bytes }
      my ($status) = $answer =~ m{^HTTP/1\.\d (\d{3})} or return "GET $path on port $port was answered by no HTTP: " . ($answer eq "" ? "nothing" : "other bytes");
      my ($from, $to) = split /-/, $range; $to //= $from;
      $status >= $from && $status <= $to ? "" : "GET $path on port $port was answered with $status, not $range";
    }
    sub run { # in the jail, as the service: its namespaces, its root, its uid, no way to more
      my ($uid, $gid, @argv) = @_; my %s = state_of(); return "$unit has no main process" unless $s{MainPID};
      my $pid = fork // return "cannot fork: $!";
      if (!$pid) { open STDIN, "<", "/dev/null"; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null"; alarm 30;
        exec "/usr/bin/setpriv", "--no-new-privs", "/usr/bin/nsenter", "--target=$s{MainPID}", "--mount", "--uts", "--ipc", "--net", "--root", "--wd", "--setuid=$uid", "--setgid=$gid", "--", @argv; exit 127 }
      waitpid $pid, 0; $? == 0 ? "" : "$argv[0] ended with " . ($? & 127 ? "signal " . ($? & 127) : "exit code " . ($? >> 8));
    }
  ' "$@"
}
