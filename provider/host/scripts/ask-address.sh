# shellcheck shell=sh
# ask_edge_address ADDRESS|- PORT: lines `KEY WORDS..` (provider/port-mapping/address-observe.ts). An address that is not here
# is asked for over the network, as another edge may hold it.
ask_edge_address() {
  edge_tell_file configuration "$EDGE/address/keepalived.conf"
  edge_tell_file watcher "$EDGE/address/watch.pl"
  edge_tell_file unit "/etc/systemd/system/$ADDRESS_UNIT"
  edge_tell_file watch "/etc/systemd/system/$WATCH_UNIT"
  for address_name in "$ADDRESS_UNIT" "$WATCH_UNIT"; do
    address_enabled=$(systemctl is-enabled -- "$address_name" 2>/dev/null || true)
    printf 'state %s %s %s\n' "$address_name" "$(systemctl show --property=ActiveState --value -- "$address_name")" "${address_enabled:--}"
  done
  address_digest=$(sed -n 's|^RootDirectory=.*/keepalived/generations/\([0-9a-f]\{16\}\)$|\1|p' "/etc/systemd/system/$ADDRESS_UNIT" 2>/dev/null || true)
  if [ -d "$EDGE/keepalived/generations/${address_digest:--}" ]; then
    printf 'jail %s %s\n' "$address_digest" "$(ask_generation "$EDGE/keepalived" "$address_digest" | grep -c . || true)"
  fi
  for address_device in /sys/class/net/*; do printf 'interface %s\n' "${address_device##*/}"; done
  ip -o address show | awk '{ print "held " $4 " " $2 }'
  [ "$1" = - ] || printf 'elsewhere %s\n' "$(address_elsewhere "$1" "$2")"
}

address_elsewhere() {
  perl -e '
    use Socket qw(:DEFAULT inet_pton AF_INET6 pack_sockaddr_in6);
    my ($address, $port) = @ARGV; my $six = $address =~ /:/;
    socket my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0 or die "no socket: $!\n";
    setsockopt $s, SOL_SOCKET, SO_SNDTIMEO, pack("l!l!", 2, 0);
    my $is = connect($s, $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : sockaddr_in($port, inet_aton($address)));
    print $is || $!{ECONNREFUSED} ? "yes" : "no";
  ' -- "$1" "$2"
}
