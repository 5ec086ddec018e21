# Servers of one mapping as they stand in etcd, told to the running proxy. perl-base only. Without an answer of etcd the last
# state stays. Asked over and over instead of followed: a complete answer needs no memory of revisions and compactions, and a
# member without a quorum gives none (linearizable reads).
use strict; use warnings; use IO::Socket::IP; use IO::Socket::UNIX;
$| = 1;
my ($settings, $run, $admin) = @ARGV;
my (%is, @endpoints);
open my $in, "<", $settings or die "cannot read $settings: $!\n";
while (<$in>) { chomp; my ($key, $value) = split / /, $_, 2; $key eq "endpoint" ? push @endpoints, $value : ($is{$key} = $value) }
my $last = remembered();
my (%leaving, $told, $since);
# The kick after a reload (scripts/lib-edge.sh).
$SIG{HUP} = sub { };
while (1) {
  my ($servers, $why) = look();
  if ($servers) { remember($servers); $last = $servers }
  eval { reconcile($last) if $last; 1 } or warn $@;
  announce($servers ? "ok" : "away", $servers ? "" : $why);
  select undef, undef, undef, 1;
}

# look: name => [address, port, weight] of a complete answer, or undef and why there is none.
sub look {
  my $why = "no endpoint";
  my $ask = '{"key":"' . encode($is{prefix}) . '","range_end":"' . encode(after($is{prefix})) . '"}';
  for (1 .. @endpoints) {
    my $endpoint = $endpoints[0];
    my $body = eval { local $SIG{ALRM} = sub { die "no answer within 3 s\n" }; alarm 3; my $text = post($endpoint, $ask); alarm 0; $text };
    alarm 0;
    my $servers = defined $body ? eval { read_answer($body) } : undef;
    return $servers if $servers;
    ($why = "$endpoint: $@") =~ s/\s+/ /g;
    push @endpoints, shift @endpoints;
  }
  return (undef, $why);
}

sub post {
  my ($endpoint, $ask) = @_;
  my ($host, $port) = $endpoint =~ /^\[?(.*?)\]?:(\d+)$/ or die "is no endpoint\n";
  my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 2) or die "cannot connect: $@\n";
  print $socket "POST /v3/kv/range HTTP/1.0\r\nHost: $endpoint\r\nContent-Type: application/json\r\nContent-Length: " . length($ask) . "\r\n\r\n$ask";
  $socket->flush;
  my $reply = do { local $/; <$socket> } // "";
  my ($head, $body) = split /\r\n\r\n/, $reply, 2;
  die "answers " . (split /\r\n/, $head // "nothing")[0] . "\n" unless ($head // "") =~ m{^HTTP/1\.[01] 200 };
  return $body;
}

# read_answer BODY: base64 has no quotes, so no parser of JSON is needed; `count` tells whether all of it came.
sub read_answer {
  my ($body) = @_;
  $body =~ /^\{"header":.*\}\s*$/s or die "is no answer of etcd\n";
  my ($count) = $body =~ /"count":"?(\d+)/;
  my (%servers, $seen);
  $seen = 0;
  while ($body =~ /\{"key":"([A-Za-z0-9+\/=]*)"[^{}]*\}/g) {
    $seen++;
    my ($key, $entry) = (decode($1), $&);
    my ($value) = $entry =~ /"value":"([A-Za-z0-9+\/=]*)"/;
    my ($name, @server) = server_of(substr($key, length $is{prefix}), decode($value // ""));
    $servers{$name} //= \@server if defined $name;
  }
  $seen == ($count // 0) or die "sent $seen of $count keys\n";
  return \%servers;
}

# server_of KEY VALUE: what is not plain is told and left out; nothing else ever gets to the socket.
my %odd;
sub server_of {
  my ($key, $value) = @_;
  (my $name = "etcd:$key") =~ tr{/}{.};
  my ($address) = $value =~ /"address"\s*:\s*"([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:]{2,39})"/;
  my ($port) = $value =~ /"port"\s*:\s*(\d{1,5})\b/;
  my $weight = $value =~ /"weight"\s*:\s*(\d{1,3})\b/ ? $1 : 100;
  return ($name, $address, $port + 0, $weight + 0)
    if $name =~ /^[A-Za-z0-9_.:-]{6,64}$/ && defined $address && defined $port && $port >= 1 && $port <= 65535 && $weight <= 256;
  (my $shown = $key) =~ s/[^ -~]/?/g;
  print "the key $shown is no server: {\"address\", \"port\", \"weight\"}\n" unless $odd{$shown}++;
  return;
}

# reconcile WANTED: the proxy is asked each time, as a reload forgets what the socket was told.
sub reconcile {
  my ($wanted) = @_;
  my (%there, @commands, $came);
  my $mapping = $is{mapping};
  my $states = talk("show servers state $mapping");
  $states =~ /^# be_id/m or die "the proxy has no mapping $mapping\n";
  for (split /\n/, $states) { my @c = split / /; $there{$c[3]} = \@c if @c > 18 && $c[1] eq $mapping && $c[3] =~ /^etcd:/ }
  for my $name (sort keys %$wanted) {
    my ($address, $port, $weight) = @{ $wanted->{$name} };
    my $at = "$mapping/$name";
    my $is = $there{$name};
    if (!$is) {
      my $where = $address =~ /:/ ? "[$address]:$port" : "$address:$port";
      push @commands, "add server $at $where weight $weight $is{options}", "enable health $at", "set server $at state ready";
      $came = 1;
      next;
    }
    push @commands, "set server $at addr $address port $port" if lc $is->[4] ne lc $address || $is->[18] != $port;
    push @commands, "set server $at weight $weight" if $is->[7] != $weight;
    push @commands, "set server $at state ready" if $is->[6] & 0x09;
    delete $leaving{$name};
  }
  push @commands, "enable dynamic-cookie backend $mapping" if $came && $is{cookie};
  for my $name (grep { !$wanted->{$_} } sort keys %there) {
    my $at = "$mapping/$name";
    if (!$leaving{$name}) { $leaving{$name} = time + $is{drain}; push @commands, "set server $at state drain"; next }
    next if time < $leaving{$name} && talk("show stat $mapping 4 -1") =~ /^\Q$mapping\E,\Q$name\E,(\d*),\d*,(\d*),/m && ($1 || 0) + ($2 || 0) > 0;
    push @commands, "set server $at state maint", "shutdown sessions server $at", "del server $at";
  }
  for (keys %leaving) { delete $leaving{$_} unless $there{$_} }
  for (@commands) { my $said = talk($_); $said =~ s/\s+/ /g; print "$_: $said\n" if /^(add|del) / }
}

sub talk {
  my ($command) = @_;
  local $SIG{ALRM} = sub { die "the proxy does not answer\n" };
  alarm 5;
  my $socket = IO::Socket::UNIX->new(Peer => $admin) or die "cannot reach the proxy: $!\n";
  print $socket "$command\n"; $socket->flush; shutdown $socket, 1;
  my $reply = join "", <$socket>;
  alarm 0;
  return $reply;
}

# announce STATE WHY: in the journal and in the file `status`, when it changes.
sub announce {
  my ($state, $why) = @_;
  my $count = $last ? keys %$last : 0;
  return if defined $told && $told eq "$state $count";
  $since = time unless defined $told && $told =~ /^$state /;
  $told = "$state $count";
  print $state eq "ok" ? "etcd answers: $count servers\n" : "etcd is away, the last $count servers stay ($why)\n";
  put("status", "$state $since $count\n");
}

sub remember {
  my ($servers) = @_;
  my $text = join "", map { join(" ", $_, @{ $servers->{$_} }) . "\n" } sort keys %$servers;
  our $kept;
  return if defined $kept && $kept eq $text;
  put("last", $text);
  $kept = $text;
}

sub remembered {
  open my $file, "<", "$run/last" or return undef;
  return { map { chomp; my ($name, @server) = split / /; ($name, \@server) } <$file> };
}

sub put {
  my ($name, $text) = @_;
  open my $file, ">", "$run/.$name" or die "cannot write $run/$name: $!\n";
  print $file $text; close $file; rename "$run/.$name", "$run/$name";
}

sub after { my ($text) = @_; substr($text, -1) = chr(1 + ord substr $text, -1); return $text }

# Without MIME::Base64, which perl-base has not: uuencoding is the same bits with other characters.
sub encode {
  my ($bytes) = @_;
  my $text = "";
  while ($bytes =~ /(.{1,45})/gs) { my $line = substr pack("u", $1), 1; chomp $line; $text .= $line }
  $text =~ tr{` -_}{AA-Za-z0-9+/};
  my $pad = (3 - length($bytes) % 3) % 3;
  substr($text, -$pad) = "=" x $pad if $pad;
  return $text;
}

sub decode {
  my ($text) = @_;
  $text =~ tr{A-Za-z0-9+/}{}cd;
  $text =~ tr{A-Za-z0-9+/}{ -_};
  my $bytes = "";
  while ($text =~ /(.{1,60})/gs) { $bytes .= unpack "u", chr(32 + int length($1) * 3 / 4) . $1 }
  return $bytes;
}
