# shellcheck shell=sh
# What the questions and steps of the edge share. Its HAProxy is spoken to by perl: a host has no socat.
EDGE=$STATE/edge
export EDGE_UNIT=pulumi-jail-edge.service
export ADDRESS_UNIT=pulumi-jail-edge-address.service
export WATCH_UNIT=pulumi-jail-edge-watch.service
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

# edge_guard: names and contents of all fragments and certificates in one digest: what a configuration was rendered from.
edge_guard() {
  {
    for edge_guarded in $(edge_fragments); do sha256sum -- "$edge_guarded"; done
    for edge_guarded in "$EDGE/configuration/certificates"/*.pem; do
      if [ -f "$edge_guarded" ] && [ ! -L "$edge_guarded" ]; then sha256sum -- "$edge_guarded"; fi
    done
  } | sha256sum | cut -c 1-64
}

# edge_unbundle DIRECTORY <BUNDLE: what lies beside the configuration (provider/port-mapping/bundle.ts); what is not named goes.
edge_unbundle() {
  edge_bundle=$SPOOL/bundle
  cat >"$edge_bundle"
  if [ ! -s "$edge_bundle" ]; then
    rm -rf -- "$1"
    return
  fi
  [ ! -L "$1" ] || die 3 "$1 is a symbolic link, which is not of our making"
  mkdir -p -- "$1" && chown root:pulumi-jail-edge -- "$1" && chmod 0750 -- "$1" || return
  edge_at=1 edge_named=" "
  while edge_line=$(tail -c "+$edge_at" "$edge_bundle" | head -n 1) && [ -n "$edge_line" ]; do
    edge_at=$((edge_at + ${#edge_line} + 1))
    edge_rest=${edge_line#* }
    case $edge_line in "keep "*) edge_file=$edge_rest ;; *) edge_file=${edge_rest% *} ;; esac
    case $edge_file in */* | .* | "") die 1 "$edge_file is no name" ;; esac
    edge_named="$edge_named$edge_file "
    case $edge_line in
      "keep "*)
        if [ -f "$1/$edge_file" ] && [ ! -L "$1/$edge_file" ]; then
          chown root:pulumi-jail-edge -- "$1/$edge_file" && chmod 0640 -- "$1/$edge_file" || return
        fi
        continue
        ;;
    esac
    tail -c "+$edge_at" "$edge_bundle" | head -c "${edge_rest#* }" | atomic_write "$1/$edge_file" 0640 root:pulumi-jail-edge || return
    edge_at=$((edge_at + ${edge_rest#* }))
  done
  for edge_file in "$1"/* "$1"/.[!.]*; do
    case $edge_named in *" ${edge_file##*/} "*) ;; *) rm -rf -- "$edge_file" ;; esac
  done
}

# edge_renew FILE..: tells the running proxy certificates by the content that lies on disk now.
edge_renew() {
  for edge_file in "$@"; do
    perl -e '
      use IO::Socket::UNIX;
      my ($path, $file) = @ARGV; alarm 15; open my $in, "<", $file or die "cannot read $file: $!\n"; my $pem = do { local $/; <$in> };
      my $all = "";
      for my $command ("set ssl cert $file <<\n$pem\n", "commit ssl cert $file\n") {
        my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot reach $path: $!\n";
        print $socket $command; $socket->flush; shutdown $socket, 1; $all .= join "", <$socket>;
      }
      exit 0 if $all =~ /^Success!$/m;
      if (my $socket = IO::Socket::UNIX->new(Peer => $path)) { print $socket "abort ssl cert $file\n"; $socket->flush; shutdown $socket, 1; my @rest = <$socket> }
      $all =~ s/\s+/ /g; die "$all\n";
    ' -- "$EDGE_RUN/admin.sock" "$EDGE/configuration/certificates/$edge_file" || return
  done
}

# edge_talk SOCKET [SECONDS] <COMMANDS: a reply to each group of commands; several travel by `;` in one connection, as each
# costs 15 to 30 ms. The socket takes 16 kB a line.
edge_talk() {
  perl -e '
    use IO::Socket::UNIX;
    my ($path, $seconds) = @ARGV; my @commands = map { chomp; $_ } <STDIN>;
    local $SIG{ALRM} = sub { die "$path does not answer\n" };
    while (@commands) {
      my @some = shift @commands; my $size = length $some[0];
      while (@commands && @some < 60 && $size + length $commands[0] < 8000) { push @some, shift @commands; $size += 1 + length $some[-1] }
      my $line = join ";", @some;
      for (my $try = 0; ; $try++) {
        alarm $seconds;
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
  ' -- "$1" "${2:-15}"
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

# edge_probe CONFIGURATION: whether its binds can be had. A worker that cannot bind makes the old one let go of all its
# ports for two seconds (SIGTTOU, MAX_START_RETRIES), so this is found out before. The probe's sockets belong to the
# proxy's user, as SO_REUSEPORT shares a port among sockets of one user only; they never listen.
edge_probe() {
  edge_denied=$(perl -e '
    use Socket qw(:DEFAULT inet_pton AF_INET6 pack_sockaddr_in6 IPPROTO_IP IPPROTO_IPV6 SO_REUSEPORT);
    my $uid = getpwnam "pulumi-jail-edge"; defined $uid or die "no user pulumi-jail-edge\n";
    open my $in, "<", $ARGV[0] or die "cannot read $ARGV[0]: $!\n";
    while (readline $in) {
      my ($address, $port) = /^\s*bind \[?(.*?)\]?:(\d+)/ or next;
      my $six = $address =~ /:/;
      $> = $uid; socket my $socket, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0 or die "no socket: $!\n"; $> = 0;
      setsockopt $socket, SOL_SOCKET, $_, 1 for SO_REUSEADDR, SO_REUSEPORT;
      $six ? setsockopt $socket, IPPROTO_IPV6, 78, 1 : setsockopt $socket, IPPROTO_IP, 15, 1; # IPV6_FREEBIND, IP_FREEBIND
      my $to = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, $address eq "" ? INADDR_ANY : inet_aton($address));
      bind $socket, $to or print "$port cannot bind $address:$port: $!\n";
    }
  ' -- "$1")
  [ -n "$edge_denied" ] || return 0
  printf '%s\n' "$edge_denied" | while read -r edge_port edge_reason; do
    printf '%s\n' "$edge_reason" >&2
    ss -Hatnp "sport = :$edge_port" | perl -ne 'print STDERR "port held by $1, pid $2\n" and last if /users:\(\("([^"]*)",pid=(\d+)/ && $1 ne "haproxy"'
  done
  return 1
}

# edge_agents <COMMANDS: the commands, with `try agent ADDRESS PORT SEND BACKEND/SERVER` made into `enable agent` where the
# responder answers within a second; the others are told to people.
edge_agents() {
  perl -e '
    use strict; use Socket qw(:DEFAULT inet_pton AF_INET6 pack_sockaddr_in6);
    while (my $line = <STDIN>) {
      my ($address, $port, $send, $server) = $line =~ /^try agent (\S+) (\d+) (\S+) (\S+)$/ or print($line), next;
      if (answers($address, $port, $send)) { print "enable agent $server\n" }
      else { print STDERR "the responder at $address:$port does not answer: $server keeps its weight and is never drained by it\n" }
    }
    sub answers {
      my ($address, $port, $send) = @_; my $six = $address =~ /:/;
      socket my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0 or return 0;
      setsockopt $s, SOL_SOCKET, SO_SNDTIMEO, pack("l!l!", 1, 0); setsockopt $s, SOL_SOCKET, SO_RCVTIMEO, pack("l!l!", 1, 0);
      connect $s, $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : sockaddr_in($port, inet_aton($address)) or return 0;
      local $SIG{PIPE} = "IGNORE"; syswrite $s, $send; sysread $s, my $answer, 64; ($answer // "") =~ /^up /;
    }
  '
}
