# shellcheck shell=sh
# ask_service NAME JAIL GENERATION USER: all there is of a service, in sections: a line `@NAME` (`@NAME absent` when the
# file is not there), then the lines of it, each behind a blank. CONTENT has paths of the jail to look for.
ask_service() {
  service_base=$STATE/services/$1
  service_jail=$STATE/jails/$2/generations
  service_file owner "$service_base/owner"
  service_file fragment "$service_base/rules.nft"
  service_file launch "$service_jail/$3.launch.json"
  service_file registry "$STATE/ports"
  echo "@seeds"
  # The manifest has a line per key of its own (provider/manifest/render.ts).
  sed -n 's/^"seeds":\(\[.*\]\),\{0,1\}$/ \1/p' "$service_jail/$3.manifest.json" 2>/dev/null || true
  service_file rules-sha256 "$STATE/rules.sha256"
  service_file not-enforced "$RUN/not-enforced"
  service_tree "$service_jail/$3"
  echo "@user"
  getent passwd "$4" | sed 's/^/ /'
  echo "@missing"
  for service_tool in nft ip ss systemd-sysusers userdel setpriv nsenter; do
    command -v "$service_tool" >/dev/null || echo " $service_tool"
  done
  echo "@nameservers"
  sed -n 's/^nameserver  */ /p' /etc/resolv.conf 2>/dev/null || true
  echo "@files"
  service_hash "$STATE/rules.nft" "/etc/systemd/system/pulumi-jail-rules.service" "$RESPONDER/respond" \
    "/etc/systemd/system/pulumi-jail-responder@.socket" "/etc/systemd/system/pulumi-jail-responder@.service"
  for service_slot in a b; do
    echo "@files"
    service_hash "/etc/systemd/system/jailed-$1@$service_slot.service" "/etc/systemd/system/jailed-$1@$service_slot-net.service" \
      "/etc/systemd/system/jailed-$1@$service_slot"-*.socket
    find "$service_base/$service_slot" -type f -print 2>/dev/null | LC_ALL=C sort | service_hash_all
    service_file "started-$service_slot" "$service_base/$service_slot.started"
    service_file "digest-$service_slot" "$service_base/$service_slot/digest"
    service_file "uses-$service_slot" "$service_base/$service_slot/uses"
    echo "@dropins-$service_slot"
    find "/etc/systemd/system/jailed-$1@$service_slot.service.d" "/run/systemd/system/jailed-$1@$service_slot.service.d" \
      "/etc/systemd/system.control/jailed-$1@$service_slot.service.d" "/run/systemd/system.control/jailed-$1@$service_slot.service.d" \
      "/etc/systemd/system/jailed-$1@$service_slot-net.service.d" \
      "/etc/systemd/system/jailed-$1@$service_slot"-*.socket.d "/run/systemd/system/jailed-$1@$service_slot"-*.socket.d -type f -print 2>/dev/null | LC_ALL=C sort | service_hash_all
    service_network "$1" "$service_slot"
  done
  echo "@volumes"
  find "$STATE/volumes" "$service_base/scratch" -mindepth 1 -maxdepth 1 -type d -printf ' %U %p\n' 2>/dev/null || true
  service_units "$1"
  service_rules
  service_strangers "$1"
  responder_tell
  echo "@forwarding"
  grep -H . /proc/sys/net/ipv4/conf/*/forwarding 2>/dev/null | sed -n 's|^/proc/sys/net/ipv4/conf/\([^/]*\)/forwarding:1$| \1|p'
  echo "@end"
}

# service_file SECTION PATH
service_file() {
  if [ -f "$2" ]; then
    echo "@$1"
    sed 's/^/ /' "$2"
    # A file that does not end in a newline would swallow the next section.
    [ -z "$(tail -c 1 "$2")" ] || echo
  else
    echo "@$1 absent"
  fi
}

# service_hash PATH..: ` SHA256 MODE UID GID PATH` of those that are there
service_hash() { printf '%s\n' "$@" | service_hash_all; }

service_hash_all() {
  while IFS= read -r hash_path; do
    [ -e "$hash_path" ] || [ -L "$hash_path" ] || continue
    if [ -f "$hash_path" ] && [ ! -L "$hash_path" ]; then
      hash_sum=$(sha256sum <"$hash_path")
      printf ' %s %s %s\n' "${hash_sum%% *}" "$(stat -c '%04a %u %g' -- "$hash_path")" "$hash_path"
    else
      printf ' - %s %s\n' "$(stat -c '%04a %u %g' -- "$hash_path")" "$hash_path"
    fi
  done
}

# service_tree PATH: device and inode of the tree, then each asked path that is there with its type.
service_tree() {
  if [ ! -d "$1" ]; then
    echo "@tree absent"
    return
  fi
  echo "@tree"
  stat -c ' %d:%i' -- "$1"
  while IFS= read -r tree_path; do
    [ -e "$1$tree_path" ] || [ -L "$1$tree_path" ] || continue
    printf ' %s %s\n' "$(stat -c %F -- "$1$tree_path" | tr ' ' -)" "$tree_path"
  done <"$CONTENT"
}

# service_network NAME SLOT: the namespace's inode and whether its device is up.
service_network() {
  echo "@network-$2"
  if [ -e "/run/netns/jail-$1-$2" ]; then
    stat -L -c ' inode %i' "/run/netns/jail-$1-$2"
    ip -n "jail-$1-$2" -o -4 addr show dev eth0 2>/dev/null | sed -n 's/.* inet \([^ ]*\) .*/ address \1/p'
    ip netns exec "jail-$1-$2" cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null | sed 's/^/ portstart /'
    ip -n "jail-$1-$2" route show default 2>/dev/null | sed -n 's/^default via \([^ ]*\).*/ gateway \1/p'
  fi
}

# service_units NAME: all units in one call, then the proof of each instance that runs.
service_units() {
  echo "@units"
  systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,MainPID,NeedDaemonReload,InvocationID,Result \
    "jailed-$1@a.service" "jailed-$1@b.service" "jailed-$1@a-net.service" "jailed-$1@b-net.service" "jailed-$1@*.socket" pulumi-jail-rules.service | sed 's/^/ /'
  # What systemd says of it is from its last reload.
  echo "@enabled"
  find /etc/systemd/system/multi-user.target.wants -type l \( -name "jailed-$1@*" -o -name pulumi-jail-rules.service \) -printf ' %f\n' 2>/dev/null || true
  for service_slot in a b; do
    [ "$(systemctl is-active "jailed-$1@$service_slot.service")" = active ] || continue
    echo "@exposure-$service_slot"
    systemd-analyze --no-pager security "jailed-$1@$service_slot.service" 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/ \1/p'
    echo "@proof-$service_slot"
    service_proof "jailed-$1@$service_slot.service"
  done
}

# service_proof UNIT: of each process of the unit what confines it, of the main process its mounts too.
service_proof() {
  perl -e '
    my $unit = shift; chomp(my $main = `systemctl show --property=MainPID --value -- $unit`);
    sub slurp { open my $in, "<", $_[0] or return; local $/; scalar <$in> }
    sub ns { my ($pid, $kind) = @_; my $link = readlink "/proc/$pid/ns/$kind"; defined $link && $link =~ /\[(\d+)\]/ ? $1 : "-" }
    sub show {
      my $pid = shift; my $status = slurp("/proc/$pid/status"); return unless defined $status;
      my @root = stat "/proc/$pid/root/"; my @netns;
      my %f = $status =~ /^(\w+):\t(.*)$/mg; return unless @root;
      return if $f{State} =~ /^[ZX]/;
      s/\s+/,/g for $f{Uid}, $f{Gid}; $f{Groups} =~ s/^\s+|\s+$//g; $f{Groups} =~ s/\s+/,/g;
      my $caps = join ",", map { $f{$_} } qw(CapInh CapPrm CapEff CapBnd CapAmb);
      print " pid $pid root=$root[0]:$root[1] ", join(" ", map { "$_=" . ns($pid, $_) } qw(mnt net ipc user uts)),
        " uid=$f{Uid} gid=$f{Gid} groups=$f{Groups} caps=$caps nnp=$f{NoNewPrivs} seccomp=$f{Seccomp}\n";
    }
    print " init ", join(" ", map { "$_=" . ns(1, $_) } qw(mnt net ipc user uts)), "\n";
    my @pids = grep { my $c = slurp("/proc/$_/cgroup"); defined $c && $c =~ m{/\Q$unit\E(/|$)}m } map { m{(\d+)$} } glob "/proc/[0-9]*";
    print " main $main\n"; show($_) for sort { $a <=> $b } @pids;
    if (open my $in, "<", "/proc/$main/mountinfo") {
      while (<$in>) { my @f = split; my ($dash) = grep { $f[$_] eq "-" } 6 .. $#f; print " mount $f[4] $f[3] $f[5] $f[$dash + 1] $f[-1]\n" }
    }
    if (open my $in, "<", "/proc/$main/limits") { while (<$in>) { print " nofile $1\n" if /^Max open files\s+(\d+)/ } }
    my $group = slurp("/proc/$main/cgroup") // ""; print " cgroup-memory $1\n" if $group =~ /^\d+:memory:(.*)$/m; print " cgroup-pids $1\n" if $group =~ /^\d+:pids:(.*)$/m; print " cgroup-unified $1\n" if $group =~ /^0::(.*)$/m;
  ' "$1"
}

# service_rules: what the kernel's table holds: a hash of it without elements, then the elements.
service_rules() {
  if ! nft list table inet pulumi_jail >"$SPOOL/table" 2>/dev/null; then
    echo "@table absent"
    return
  fi
  echo "@table"
  printf ' sha256 %s\n' "$(service_table_hash "$SPOOL/table")"
  perl -0ne 'while (/^\t(?:map|set) (\w+) \{(.*?)^\t\}/msg) { my ($n, $b) = ($1, $2); $b =~ /elements = \{(.*?)\}/s or next; my $e = $1; $e =~ s/\s+/ /g; s/^ | $//g, length and print " $n $_\n" for split /,/, $e }' "$SPOOL/table"
}

# service_table_hash FILE: of the table as nft lists it, without the elements that services come and go with.
service_table_hash() {
  service_table_sum=$(perl -0pe 's/\n\t\telements = \{.*?\}//gs' "$1" | sha256sum)
  echo "${service_table_sum%% *}"
}

# service_strangers NAME: programs that listen on a port of the service: `PROTOCOL PORT PROGRAM PID`. While the map leads it to
# the jail nobody reaches them, and nothing else tells.
service_strangers() {
  echo "@strangers"
  ss -Hltunp | perl -e '
    my ($name, $state) = @ARGV; open my $in, "<", "$state/ports" or exit; my %ours;
    for (<$in>) { my ($service, undef, $protocol, $port) = split /\t/; $ours{"$protocol $port"} = 1 if $service eq $name }
    while (<STDIN>) {
      my ($protocol, undef, undef, undef, $local) = split; my ($port) = $local =~ /:(\d+)$/ or next;
      print " $protocol $port $1 $2\n" if $ours{"$protocol $port"} && /\(\("([^" ]*)",pid=(\d+)/;
    }
  ' "$1" "$STATE"
}
