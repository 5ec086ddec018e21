# shellcheck shell=sh
# What a daemon is asked while it is traced, and again in its jail. Whoever asks is not traced: only what the daemon itself
# does about it counts.

# trace_probe_source: each probe comes as words between spaces, percent-encoded, "-" for none: TYPE PORT PATH EXPECT WORD..
trace_probe_source() {
  cat <<'PERL'
sub parsed_probes {
  return map {
    my ($type, $port, $path, $expect, @words) = map { s/%([0-9A-F]{2})/chr hex $1/ger } split / /, $_;
    { type => $type, port => $port, path => $path, expect => $expect, words => \@words }
  } @_;
}

sub wanted_ports { return grep { $_ ne "-" } map { $$_{port} } @probes }

sub probe {
  my ($main) = @_;
  for my $probe (@probes ? @probes : parsed_probes("- - - -")) {
    if ($$probe{type} =~ /^(exec|script)$/) { probe_by_command($main, $1, @{$$probe{words}}) }
    else { probe_by_connection($main, @$probe{qw(type port path expect)}) }
  }
}

# A command of the build root runs where the daemon does; a script runs on the host, with nothing of the daemon's but its
# network.
sub probe_by_command {
  my ($main, $type, @words) = @_;
  my %ports = map { /^tcp (\d+) / ? ($1 => 1) : () } listeners($main);
  my @enter = $type eq "exec" ? ("--mount", "--net", "--root", "--wd", "--", @words)
    : ("--net", "--", "env", "-C", "/", "JAIL_PORTS=" . join(" ", sort { $a <=> $b } keys %ports), "sh", "-c", $words[0]);
  my $said = "$log/probe-said";
  my $child = fork // die "cannot fork: $!\n";
  if (!$child) {
    open STDIN, "<", "/dev/null"; open STDOUT, ">", $said; open STDERR, ">&", \*STDOUT;
    exec "timeout", remaining(60), "nsenter", "--target", $main, @enter or exit 127;
  }
  waitpid $child, 0;
  my $code = $? >> 8;
  my @said = read_lines($said);
  unlink $said;
  fact("probe=$type " . ($code == 0 ? "ok" : "failed $code"));
  return if $code == 0;
  chomp @said;
  @said = @said[-5 .. -1] if @said > 5;
  gave_up("was started, but the probe's $type failed with exit code $code", @said);
}

sub probe_by_connection {
  my ($main, $type, $port, $path, $expect) = @_;
  my @ports = map { /^tcp (\d+) (\S+)/ ? [$1, $2] : () } listeners($main);
  @ports = grep { $port eq "-" || $$_[0] == $port } @ports;
  my %seen; @ports = grep { !$seen{$$_[0]}++ } @ports;
  if ($type ne "-" && !@ports) { gave_up("was started, but listens on no such port to probe" . ($port eq "-" ? "" : ": $port")) }
  my @arguments = map { @$_ } @ports;
  return unless @arguments;
  open my $answers, "-|", "timeout", remaining(30), "nsenter", "--target", $main, "--net", "--", "perl", "-e", probe_program(),
    $type, $path, $expect, @arguments or die "cannot probe: $!\n";
  my @answers = <$answers>;
  close $answers;
  for (@answers) { chomp; fact("probe=$_") }
  if ($type ne "-" && grep { !/ ok/ } @answers) { gave_up("was started, but the probe failed: @answers") }
}

# Waits a moment for a server that speaks first; to one that is silent it sends a request of HTTP.
sub probe_program {
  return q{
    use strict; use Socket qw(:DEFAULT inet_pton); use IO::Socket::INET; use IO::Select;
    my ($type, $path, $expect, @ports) = @ARGV;
    my ($least, $most) = $expect =~ /^(\d+)(?:-(\d+))?$/ ? ($1, $2 // $1) : (100, 399);
    my $shown = $path =~ m{^/.} ? $path : "";
    $path = "/" if $path eq "-";
    while (my ($port, $address) = splice @ports, 0, 2) {
      my $socket;
      if ($address =~ /:/ && $address ne "::") {
        socket $socket, AF_INET6, SOCK_STREAM, 0;
        connect $socket, pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) or undef $socket;
      } else {
        $address = "127.0.0.1" if $address =~ /^(::|0\.0\.0\.0)$/;
        $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 5);
      }
      if (!$socket) { print "$port refused\n"; next }
      my $ready = IO::Select->new($socket);
      my $answer = "";
      if ($type eq "tcp") { print "$port ok tcp\n"; next }
      if ($type eq "-" && $ready->can_read(0.15)) { sysread $socket, $answer, 4096 }
      else {
        local $SIG{PIPE} = "IGNORE";
        syswrite $socket, "GET $path HTTP/1.1\r\nHost: localhost\r\nUser-Agent: pulumi-jail\r\nConnection: close\r\n\r\n";
        my $until = time + ($type eq "http" ? 20 : 5);
        while (time < $until && length $answer < 65536 && $ready->can_read($until - time)) {
          sysread $socket, $answer, 65536, length $answer or last;
        }
      }
      if ($answer =~ m{^HTTP/1\.[01] (\d+)}) { print "$port$shown ", ($1 >= $least && $1 <= $most ? "ok" : "answered"), " http $1\n" }
      elsif ($type eq "http") { print "$port$shown no answer of HTTP\n" }
      else { print "$port ok ", length $answer ? "spoke" : "silent", "\n" }
    }
  };
}
PERL
}
