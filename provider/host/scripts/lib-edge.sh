# shellcheck shell=sh
# What the questions and steps of the edge share. Its HAProxy is spoken to by perl: a host has no socat.
EDGE=$STATE/edge
export EDGE_UNIT=pulumi-jail-edge.service
EDGE_RUN=/run/pulumi-jail-edge

# edge_fragments: the paths of all fragments, sorted as LC_ALL=C does.
edge_fragments() {
  for edge_fragment in "$EDGE"/mappings/*.json; do
    case ${edge_fragment##*/} in
      *[!a-z0-9-]*.json | "*.json") continue ;;
    esac
    printf '%s\n' "$edge_fragment"
  done
}

# edge_guard: names and contents of all fragments in one digest: what a configuration was rendered from.
edge_guard() {
  for edge_guarded in $(edge_fragments); do sha256sum -- "$edge_guarded"; done | sha256sum | cut -c 1-64
}

# edge_talk SOCKET <COMMANDS: a reply to each group of commands; several travel by `;` in one connection, as each costs
# 15 to 30 ms. The socket takes 16 kB a line.
edge_talk() {
  perl -e '
    use IO::Socket::UNIX;
    my $path = shift; my @commands = map { chomp; $_ } <STDIN>;
    local $SIG{ALRM} = sub { die "$path does not answer\n" };
    while (@commands) {
      my @some = shift @commands; my $size = length $some[0];
      while (@commands && @some < 60 && $size + length $commands[0] < 8000) { push @some, shift @commands; $size += 1 + length $some[-1] }
      my $line = join ";", @some;
      for (my $try = 0; ; $try++) {
        alarm 15;
        my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot reach $path: $!\n";
        print $socket "$line\n"; $socket->flush; shutdown $socket, 1;
        my $reply = join "", <$socket>;
        alarm 0;
        # A server lets its last connection go a moment after its last session: the same deletion then works.
        if ($reply =~ /still has connections|cannot remove/i && $try < 100) { $line = join ";", grep { /^del server/ } @some; select undef, undef, undef, 0.1; next }
        print $reply;
        last;
      }
    }
  ' -- "$1"
}

# edge_count BACKEND: `REQUESTS FAILED` since the start of the workers that live, old ones included. Failed: connection
# and response errors after all retries, and requests that found no server.
edge_count() {
  perl -e '
    use IO::Socket::UNIX;
    my ($path, $backend) = @ARGV; my ($requests, $failed) = (0, 0);
    local $SIG{ALRM} = sub { die "$path does not answer\n" }; alarm 15;
    sub talk { my $s = IO::Socket::UNIX->new(Peer => $path) or do { print "0 0\n"; exit }; print $s "$_[0]\n"; $s->flush; shutdown $s, 1; <$s> }
    for my $pid (map { /^(\d+)\s+worker/ ? $1 : () } talk("show proc")) {
      my @columns;
      for (talk("\@!$pid show stat $backend 2 -1")) {
        chomp; my @cells = split /,/, $_, -1;
        if (s/^# //) { @columns = split /,/; next }
        next unless @columns && $cells[0] eq $backend;
        my %is; @is{@columns} = @cells;
        $requests += length $is{req_tot} ? $is{req_tot} : $is{stot} || 0;
        $failed += ($is{econ} || 0) + ($is{eresp} || 0);
      }
    }
    print "$requests $failed\n";
  ' -- "$EDGE_RUN/master.sock" "$1"
}
