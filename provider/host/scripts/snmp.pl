#!/usr/bin/perl
# Asks hosts that run snmpd and nothing of ours for their load, on the edge: systemd starts it for one connection of HAProxy's
# agent-check, `MAPPING:ADDRESS`, and it ends with the answer. An SNMP version 2c get is sixty lines of Perl's core, where
# snmpget(1) would be a package on the edge and show the community in its arguments (RFC 3416, 3417; X.690 for the bytes).
use strict;

my ($shared, $own) = ("/var/lib/pulumi-jail-snmp", "/run/pulumi-jail-snmp");
my ($least, $step, $window, $stale) = (10, 20, 2, 30); # as in responder.pl

# UCD-SNMP-MIB: ssCpuIdle.0, percent of the last minute; laLoad.1, a string.
my %oid = (idle => "2b060104018f650b0b00", load => "2b060104018f650a010301");

main() unless caller;

sub weight_of_answers {
  my ($of) = @_;
  return bounded($of->{idle}) if defined $of->{idle} && $of->{idle} =~ /^\d{1,3}$/;
  my ($load) = ($of->{load} // "") =~ /^\s*(\d+(?:\.\d+)?)\s*$/ or return undef;
  return $load <= 1 ? 100 : bounded(100 / $load);
}

sub bounded { my $n = int($_[0] + 0.5); $n < $least ? $least : $n > 100 ? 100 : $n }

sub damped {
  my ($target, $last, $age) = @_;
  return $target if !defined $last || $last !~ /^\d{2,3}$/ || $age < 0 || $age > $stale;
  return bounded($last) if $age < $window;
  return $target > $last + $step ? $last + $step : $target < $last - $step ? $last - $step : $target;
}

# Tag, length, value; what we send is short, what comes may be longer.
sub tlv { my ($tag, $value) = @_; my $n = length $value; chr($tag) . ($n < 128 ? chr $n : $n < 256 ? "\x81" . chr $n : "\x82" . pack "n", $n) . $value }
sub number { tlv(0x02, pack "N", $_[0]) }

sub get_request {
  my ($community, $id) = @_;
  my $names = join "", map { tlv(0x30, tlv(0x06, pack "H*", $oid{$_}) . tlv(0x05, "")) } qw(idle load);
  tlv(0x30, tlv(0x02, "\x01") . tlv(0x04, $community) . tlv(0xa0, number($id) . tlv(0x02, "\0") . tlv(0x02, "\0") . tlv(0x30, $names)));
}

# The elements of some bytes as [tag, value]; nothing when they are cut off or too many.
sub elements {
  my ($bytes) = @_; my (@found, $at); $at = 0;
  while ($at < length $bytes) {
    return if $at + 2 > length $bytes || @found > 16;
    my ($tag, $n) = unpack "CC", substr $bytes, $at, 2; $at += 2;
    if ($n > 127) { my $more = $n - 128; return if $more < 1 || $more > 2 || $at + $more > length $bytes; $n = 0; $n = $n * 256 + ord substr $bytes, $at++, 1 for 1 .. $more }
    return if $at + $n > length $bytes;
    push @found, [$tag, substr $bytes, $at, $n]; $at += $n;
  }
  @found;
}

# An integer in as many bytes as it takes.
sub integer { my $n = 0; return -1 if length $_[0] < 1 || length $_[0] > 8 || ord($_[0]) > 127; $n = $n * 256 + ord for split //, $_[0]; $n }

# What a response to this request says, by our names; undefined when it is none. An object that the host does not show is left out.
sub parse_response {
  my ($bytes, $id) = @_;
  my ($message, $rest) = elements($bytes); return undef unless $message && !$rest && $message->[0] == 0x30;
  my (undef, undef, $pdu) = elements($message->[1]); return undef unless $pdu && $pdu->[0] == 0xa2;
  my ($request, $error, undef, $list) = elements($pdu->[1]);
  return undef unless $list && integer($request->[1]) == $id && integer($error->[1]) == 0;
  my %found; my %name = map { ($oid{$_}, $_) } keys %oid;
  for (elements($list->[1])) {
    my ($oid, $value) = elements($_->[1]); next unless $value && $oid->[0] == 0x06;
    my $name = $name{unpack "H*", $oid->[1]} or next;
    $found{$name} = integer($value->[1]) if $value->[0] == 0x02;
    $found{$name} = $value->[1] if $value->[0] == 0x04 && length $value->[1] < 32;
  }
  \%found;
}

# Once more when nothing came: a datagram may be lost. HAProxy waits for five seconds.
sub ask {
  my ($address, $port, $community) = @_; require Socket; Socket->import(qw(:DEFAULT inet_pton AF_INET6 pack_sockaddr_in6));
  my $six = $address =~ /:/;
  socket my $s, $six ? Socket::AF_INET6() : Socket::PF_INET(), Socket::SOCK_DGRAM(), 0 or return undef;
  # Connected: the kernel lets in what comes from there alone.
  connect $s, $six ? Socket::pack_sockaddr_in6($port, Socket::inet_pton(Socket::AF_INET6(), $address)) : Socket::sockaddr_in($port, Socket::inet_aton($address)) or return undef;
  open my $random, "<:raw", "/dev/urandom" or return undef; sysread $random, my $bytes, 4; my $id = unpack("N", $bytes) & 0x7fffffff;
  for my $try (1, 2) {
    send $s, get_request($community, $id), 0 or return undef;
    for (1 .. 4) {
      last unless wait_for($s, 0.7);
      defined recv $s, my $answer, 4096, 0 or last;
      my $found = parse_response($answer, $id); return $found if $found;
    }
  }
  undef;
}

sub wait_for { my ($handle, $seconds) = @_; my $bits = ""; vec($bits, fileno $handle, 1) = 1; select $bits, undef, undef, $seconds }

sub main {
  $SIG{PIPE} = "IGNORE"; alarm 4; my $asked = "";
  if (wait_for(\*STDIN, 1)) { sysread STDIN, $asked, 128 }
  my $answer = answer_to($asked); syswrite STDOUT, $answer if defined $answer;
}

# Only what a mapping of this edge names is asked; a host that is silent is told nothing of, and keeps the weight it has.
sub answer_to {
  my ($name, $address) = $_[0] =~ /\A([a-z][a-z0-9-]{0,39}):([0-9A-Fa-f.:]{2,39})\s*\z/ or return undef;
  my ($line) = grep { (split / /)[0] eq $address } split /\n/, slurp("$shared/targets/$name") // ""; $line // return undef;
  my (undef, $port, $community) = split / /, $line;
  my $now = (slurp("/proc/uptime") // "") =~ /^(\d+)/ ? $1 : 0;
  my ($last, $then) = (slurp("$own/weight-$name-$address") // "") =~ /^(\d+) (\d+)$/m;
  return "up $last%\n" if defined $then && $now >= $then && $now - $then < $window;
  my $found = ask($address, $port, pack "H*", $community) or return undef;
  my $weight = damped(weight_of_answers($found) // return undef, $last, $now - ($then // 0));
  if (open my $out, ">", "$own/.$$") { print $out "$weight $now\n"; close $out; rename "$own/.$$", "$own/weight-$name-$address" }
  "up $weight%\n";
}

sub slurp { open my $in, "<", $_[0] or return undef; my $n = read $in, my $text, 65536; defined $n ? $text : undef }

1;
