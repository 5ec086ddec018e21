# shellcheck shell=sh
# The host's port registry: $STATE/ports, a tab-separated line per port (service, key, protocol, hostPort, jailPort, fixed
# or allocated, owner). Every choice is made here, under the host's lock, so that two runs never get the same port.

# step_ports_reserve SERVICE OWNER ACCEPTED: CONTENT has a line per port: key, protocol, start, fixed port or 0,
# jailPort. Entries of this service must carry the owner's claim or ACCEPTED. Prints the service's lines and the responder's.
step_ports_reserve() { with_host_lock ports_change reserve "$@"; }

# step_ports_release SERVICE CLAIM: drops what carries this claim; the ports rest for a minute.
step_ports_release() { with_host_lock ports_change release "$@"; }

# step_ports_restore SERVICE: CONTENT has registry lines; adds those whose key is missing. For a registry that was damaged.
step_ports_restore() { with_host_lock ports_change restore "$@"; }

ports_change() {
  refuse_symlinks "$STATE/ports"
  make_path "$STATE" "$RUN"
  ss -Hltunp >"$SPOOL/listeners"
  { nft list map inet pulumi_jail tcp4 && nft list map inet pulumi_jail udp4; } >"$SPOOL/mapped" 2>/dev/null || true
  ports_change_perl "$STATE/ports" "$RUN/ports-resting" "$SPOOL" "$(uptime_seconds)" "$CONTENT" "$@"
  if [ -f "$SPOOL/ports" ]; then
    if [ -s "$SPOOL/ports" ]; then
      atomic_write "$STATE/ports" 0600 root:root <"$SPOOL/ports"
    else
      rm -f -- "$STATE/ports"
      rmdir -- "$STATE" 2>/dev/null || true
    fi
    ports_tell_kernel
    responder_publish
  fi
}

# ports_tell_kernel: fixed ports, too, are nothing that the kernel may give to whoever asks for any. From a reboot on the rules
# unit does it (rules-unit.ts), which has kept what was reserved before us.
ports_tell_kernel() {
  [ -e "$RUN/reserved-ports" ] || return 0
  {
    cat -- "$RUN/reserved-ports"
    echo ,20000-31999
    awk -v OFS=, '/\tfixed\t/ { print none, $4 }' "$STATE/ports" 2>/dev/null
  } | tr -d '\n' | sed s/^,// >/proc/sys/net/ipv4/ip_local_reserved_ports || true
}

ports_change_perl() {
  perl -e '
    use strict; use Socket; use Errno qw(ENOENT);
    my ($registry, $resting, $spool, $now, $content, $verb, $service, @rest) = @ARGV;
    my ($first, $last, $nets) = (20128, 31999, 16383);
    sub slurp { my $path = shift; open my $in, "<", $path or ($!{ENOENT} and return ()) or die "cannot read $path: $!\n"; my @l = <$in>; chomp @l; @l }
    sub refuse { my $code = shift; print STDERR @_, "\n"; exit $code }
    sub claim_of { $_[0] =~ /"claim":"([^"]*)"/ ? $1 : "" }

    my @head = grep { /^#/ } slurp($registry);
    my @entries = map { [split /\t/, $_, 7] } grep { $_ ne "" && !/^#/ } slurp($registry);
    # A port rests for a minute, but for the service and key that had it: whoever still comes there means just that one.
    my %resting = map { /^(\d+) (\d+) (\S+ \S+)$/ && $now - $2 < 60 && $now >= $2 ? ($1, [$2, $3]) : () } slurp($resting);
    my %listens; # "tcp 80" => who
    for (slurp("$spool/listeners")) {
      my ($proto, undef, undef, undef, $local) = split; my ($port) = $local =~ /:(\d+)$/ or next;
      $listens{"$proto $port"} = /\(\("([^"]*)",pid=(\d+)/ ? "$1, pid $2" : "a program that the host does not name";
    }
    my %mapped = map { $_, 1 } map { /(\d+) : 100\.127/g } slurp("$spool/mapped");

    sub bindable {
      my ($proto, $port) = @_;
      socket my $s, PF_INET, $proto eq "udp" ? SOCK_DGRAM : SOCK_STREAM, 0 or die "cannot make a socket: $!\n";
      # What only waits for the last segments of closed connections (TIME_WAIT) holds no port; a listener does all the same (socket(7)).
      setsockopt $s, SOL_SOCKET, SO_REUSEADDR, 1 unless $proto eq "udp";
      bind $s, sockaddr_in($port, INADDR_ANY);
    }
    sub holder { my ($port, $proto) = @_; my ($e) = grep { $$_[2] ne "net" && $$_[3] == $port && (!defined $proto || $$_[2] eq $proto) } @entries; $e }
    sub rests { my ($port, $whose) = @_; my $r = $resting{$port}; $r && $$r[1] ne $whose }
    sub allocate {
      my ($proto, $start, $whose) = @_;
      for my $try (0 .. $last - $first) {
        my $port = $first + ($start - $first + $try) % ($last - $first + 1);
        next if holder($port) || rests($port, $whose) || $mapped{$port} || $listens{"tcp $port"} || $listens{"udp $port"};
        return $port if bindable($proto, $port);
      }
      refuse(1, "no port of $first-$last is free");
    }

    if ($verb eq "reserve") {
      my ($owner, $accepted) = @rest; my $claim = claim_of($owner);
      for (grep { $$_[0] eq $service } @entries) {
        my $theirs = claim_of($$_[6]);
        refuse(3, "the ports of $service belong to $$_[6]") unless grep { $theirs eq $_ } $claim, $accepted, "-";
      }
      my @mine = grep { $$_[0] eq $service } @entries;
      @entries = grep { $$_[0] ne $service } @entries;
      unless (grep { $$_[0] eq "\@host" } @entries) {
        unshift @entries, ["\@host", "responder", "tcp", allocate("tcp", $first, "\@host responder"), 0, "allocated", $owner];
      }
      my ($net) = map { $$_[3] } grep { $$_[2] eq "net" } @mine;
      if (!defined $net) {
        my %used = map { ($$_[3], 1) } grep { $$_[2] eq "net" } @entries;
        ($net) = grep { !$used{$_} } 0 .. $nets; defined $net or refuse(1, "no network is left for another service");
      }
      my @new = ([$service, "\@net", "net", $net, 0, "allocated", $owner]);
      my %kept;
      for (slurp($content)) {
        my ($key, $proto, $start, $fixed, $jail) = split /\t/;
        my ($old) = grep { $$_[1] eq $key && $$_[2] eq $proto && ($fixed ? $$_[3] == $fixed : $$_[5] eq "allocated") } @mine;
        my $port = $old ? $$old[3] : $fixed;
        if ($fixed && !$old) {
          if (my $e = holder($fixed, $proto)) { refuse(1, "port $fixed is reserved for $$e[0], key $$e[1]") }
          if (my $who = $listens{"$proto $fixed"}) { refuse(1, "port $fixed is held by $who") }
          bindable($proto, $fixed) or refuse(1, "port $fixed can not be bound: $!");
        } elsif (!$old) { $port = allocate($proto, $start, "$service $key") }
        my $e = [$service, $key, $proto, $port, $jail, $fixed ? "fixed" : "allocated", $owner];
        push @new, $e; push @entries, $e; $kept{"$proto $port"} = 1;
      }
      my %is_new = map { ("$_", 1) } @new; # references
      @entries = ((grep { !$is_new{"$_"} } @entries), @new);
      $resting{$$_[3]} = [$now, "$$_[0] $$_[1]"] for grep { $$_[2] ne "net" && !$kept{"$$_[2] $$_[3]"} } @mine;
      print join("\t", @$_), "\n" for (grep { $$_[0] eq "\@host" } @entries), @new;
    } elsif ($verb eq "release") {
      my ($claim) = @rest;
      my @gone = grep { $$_[0] eq $service && (claim_of($$_[6]) eq $claim || claim_of($$_[6]) eq "-") } @entries;
      my %gone = map { ("$_", 1) } @gone;
      @entries = grep { !$gone{"$_"} } @entries;
      @entries = () unless grep { $$_[0] ne "\@host" } @entries;
      $resting{$$_[3]} = [$now, "$$_[0] $$_[1]"] for grep { $$_[2] ne "net" } @gone;
    } elsif ($verb eq "restore") {
      for (map { [split /\t/, $_, 7] } slurp($content)) {
        my ($s, $key, $proto, $port) = @$_;
        next if grep { $$_[0] eq $s && $$_[1] eq $key } @entries;
        my $e = holder($port, $proto);
        refuse(1, "port $port is reserved for $$e[0], key $$e[1]") if $e && $proto ne "net";
        if ($s eq "\@host") { unshift @entries, $_ } else { push @entries, $_ }
      }
    }
    @entries and $head[0] //= "# pulumi-jail: ports of this host; service, key, protocol, hostPort, jailPort, fixed or allocated, owner";
    open my $out, ">", "$spool/ports" or die "cannot write: $!\n";
    if (@entries) { print $out "$_\n" for @head; print $out join("\t", @$_), "\n" for @entries }
    close $out or die "cannot write: $!\n";
    # With the last port goes the last trace of us, the memory of released ports included.
    if (%resting && @entries) {
      open my $out, ">", "$resting.new" or die "cannot write $resting: $!\n";
      print $out "$_ @{$resting{$_}}\n" for sort keys %resting;
      close $out; rename "$resting.new", $resting;
    } else { unlink $resting }
  ' "$@"
}
