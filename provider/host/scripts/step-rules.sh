# shellcheck shell=sh
# Steps of our one nftables table. A service's fragment is on disk before the kernel's map changes, so that a reboot in
# between never goes back.

# step_rules_load: the whole table from $STATE/rules.nft and all fragments, in one transaction; its hash is kept to compare.
step_rules_load() { with_host_lock rules_load; }

rules_load() {
  forward_resolve "$FORWARDS"
  nft -f "$STATE/rules.nft"
  nft list table inet pulumi_jail >"$SPOOL/table"
  service_table_hash "$SPOOL/table" | atomic_write "$STATE/rules.sha256" 0600 root:root
  systemctl is-active --quiet pulumi-jail-rules.service || systemctl start -- pulumi-jail-rules.service
}

# step_rules_switch NAME ADDRESS..: CONTENT is the service's new fragment. Elements that lead to one of its jail addresses,
# or come from one, give way to it in one transaction; established connections stay where they are (conntrack).
step_rules_switch() { with_host_lock rules_switch "$@"; }

rules_switch() {
  rules_fragment=$STATE/services/$1/rules.nft
  shift
  if ! nft list table inet pulumi_jail >"$SPOOL/table" 2>/dev/null; then
    atomic_write "$rules_fragment" 0600 root:root <"$CONTENT"
    rules_load
    responder_publish
    return
  fi
  # Ports that are forwarded to this service's are led anew together with its own: all of the table in one transaction.
  if [ -d "$FORWARDS" ] && [ "$CONTENT" != /dev/null ]; then
    atomic_write "$rules_fragment" 0600 root:root <"$CONTENT"
    rules_load
    responder_publish
    return
  fi
  perl -e '
    my ($table, $content, @addresses) = @ARGV; my %ours = map { ($_, 1) } @addresses;
    sub slurp { open my $in, "<", $_[0] or die "cannot read $_[0]: $!\n"; local $/; scalar <$in> }
    my ($listing, $new) = (slurp($table), slurp($content)); my %keys;
    while ($new =~ /([\d.]+ \. \d+) : /g) { $keys{$1} = 1 }
    while ($listing =~ /^\t(?:map|set) (\w+) \{(.*?)^\t\}/msg) {
      my ($name, $body) = ($1, $2); my ($elements) = $body =~ /elements = \{(.*?)\}/s or next;
      my @gone;
      for (split /,/, $elements) {
        s/\s+/ /g; s/^ | $//g; next unless length;
        my ($key, $to) = split / : /; my ($address) = ($to // $key) =~ /^([\d.]+)/;
        push @gone, $key if $ours{$address} || (defined $to && $keys{$key});
      }
      print "delete element inet pulumi_jail $name { ", join(", ", @gone), " }\n" if @gone;
    }
    print $new;
  ' "$SPOOL/table" "$CONTENT" "$@" >"$SPOOL/transaction"
  nft -c -f "$SPOOL/transaction"
  atomic_write "$rules_fragment" 0600 root:root <"$CONTENT"
  nft -f "$SPOOL/transaction"
  responder_publish
}

# step_rules_note NAME ..: who serves, for a service that has no ports in the map.
step_rules_note() { with_host_lock rules_note "$1"; }

rules_note() {
  atomic_write "$STATE/services/$1/rules.nft" 0600 root:root <"$CONTENT";
  responder_publish
}

# step_rules_clear NAME ADDRESS..: the fragment and its elements go.
step_rules_clear() {
  CONTENT=/dev/null
  [ -d "$STATE/services/$1" ] || return 0
  with_host_lock rules_clear "$@"
}

rules_clear() {
  rules_switch "$@"
  rm -f -- "$STATE/services/$1/rules.nft"
  [ ! -d "$FORWARDS" ] || rules_load
  responder_publish
}

# step_network_rules NAME SLOT: what leads a jail's connects to their endpoints, inside of its namespace.
step_network_rules() { ip netns exec "jail-$1-$2" nft -f "$STATE/services/$1/$2/connects.nft"; }

# step_network_forward DEVICE..: a packet is forwarded only between two interfaces that allow it.
step_network_forward() {
  for forward_device in "$@"; do
    case $forward_device in pjv-*) ;; *)
      mkdir -p -- "$RUN"
      [ -e "$RUN/forwarding-$forward_device" ] || cat "/proc/sys/net/ipv4/conf/$forward_device/forwarding" >"$RUN/forwarding-$forward_device"
      ;;
    esac
    echo 1 >"/proc/sys/net/ipv4/conf/$forward_device/forwarding"
  done
}

# step_host_probe: what this host accepts and does not enforce, a word a line, once per boot.
step_host_probe() {
  [ ! -f "$RUN/not-enforced" ] || return 0
  with_host_lock rules_host_probe_once
}

# Two services that start at once ask only once: the second one finds the first one's answer.
rules_host_probe_once() {
  [ ! -f "$RUN/not-enforced" ] || return 0
  rules_host_probe >"$RUN/not-enforced.new"
  mv -- "$RUN/not-enforced.new" "$RUN/not-enforced"
}

rules_host_probe() {
  probe_systemd=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ "$probe_systemd" -ge 257 ] || echo "PrivatePIDs"
  # A connection to a listener of the host's own that the filter ought to forbid: made by bash, which every Debian has.
  probe_port=$(ss -Hltn | sed -n 's/.* 0\.0\.0\.0:\([0-9]*\) .*/\1/p' | head -n 1)
  if [ -n "$probe_port" ] && systemd-run --quiet --wait --collect -p IPAddressDeny=any -p StandardOutput=null -p StandardError=null \
    /bin/bash -c "exec 3<>/dev/tcp/127.0.0.1/$probe_port" 2>/dev/null; then
    echo "IPAddressDeny"
  fi
  probe_limits=$(systemd-run --quiet --wait --pipe --collect -p MemoryMax=123M -p TasksMax=123 /bin/cat /proc/self/cgroup 2>/dev/null || true)
  case $probe_limits in
    *:memory:/system.slice/*) ;;
    *:memory:*) echo "MemoryMax" && echo "TasksMax" && echo "CPUQuota" ;;
    *)
      grep -qsw memory /sys/fs/cgroup/cgroup.controllers || { echo "MemoryMax" && echo "TasksMax" && echo "CPUQuota"; }
      ;;
  esac
}
