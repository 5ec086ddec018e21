# shellcheck shell=sh
# probe_source: perl that checks a service once: `probe(MAIN, tcp ADDRESS PORT)`, `(MAIN, http ADDRESS PORT FIRST-LAST PATH)`,
# `(MAIN, exec UID GID PROGRAM ARGUMENT..)` give "" or why not. MAIN gives the main process when it is called.
probe_source() {
  cat <<'PERL'
use strict; use Socket;
sub probe { my ($main, $type, @rest) = @_; $type eq "exec" ? run($main->(), @rest) : $type eq "http" ? http(@rest) : tcp(@rest) }
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
  my ($main, $uid, $gid, @argv) = @_; return "it has no main process" unless $main;
  my $pid = fork // return "cannot fork: $!";
  if (!$pid) { open STDIN, "<", "/dev/null"; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null"; alarm 30;
    exec "/usr/bin/setpriv", "--no-new-privs", "/usr/bin/nsenter", "--target=$main", "--mount", "--uts", "--ipc", "--net", "--root", "--wd", "--setuid=$uid", "--setgid=$gid", "--", @argv; exit 127 }
  waitpid $pid, 0; $? == 0 ? "" : "$argv[0] ended with " . ($? & 127 ? "signal " . ($? & 127) : "exit code " . ($? >> 8));
}
PERL
}
