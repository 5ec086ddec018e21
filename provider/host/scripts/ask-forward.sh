# shellcheck shell=sh
# ask_forward PROTOCOL PORT [ELEMENT]: lines `KEY WORDS..` about the ports that the kernel forwards
# (provider/port-mapping/forward-observe.ts); who else has PORT; whether ELEMENT is in the kernel's map.
ask_forward() {
  printf 'guard %s\n' "$(forward_guard)"
  for forward_told in "$FORWARDS"/*.rules; do
    [ -f "$forward_told" ] || continue
    forward_name=${forward_told##*/}
    printf 'forward %s %s %s\n' "${forward_name%.rules}" "$(stat -c %a:%U:%G -- "$forward_told")" "$(base64 -w 0 <"$forward_told")"
  done
  for forward_tool in nft ip ss; do command -v "$forward_tool" >/dev/null || printf 'missing %s\n' "$forward_tool"; done
  forward_tell_stale
  for forward_told in "$STATE/rules.nft" /etc/systemd/system/pulumi-jail-rules.service; do
    [ ! -f "$forward_told" ] || printf 'file %s %s %s\n' "$forward_told" "$(stat -c %a:%U:%G -- "$forward_told")" "$(sha256sum <"$forward_told" | cut -c 1-64)"
  done
  forward_unit=$(systemctl show --property=UnitFileState,ActiveState,NeedDaemonReload -- pulumi-jail-rules.service)
  printf 'unit %s\n' "$(printf '%s' "$forward_unit" | tr '\n' ' ')"
  if nft list table inet pulumi_jail >"$SPOOL/table" 2>/dev/null; then
    printf 'table %s %s\n' "$(service_table_hash "$SPOOL/table")" "$(cat "$STATE/rules.sha256" 2>/dev/null || echo -)"
    if [ -n "${3:-}" ] && nft get element inet pulumi_jail forwards "{ $3 }" >/dev/null 2>&1; then echo led; fi
  fi
  forward_devices | while read -r forward_told; do
    [ "$(cat "/proc/sys/net/ipv4/conf/$forward_told/forwarding")" = 1 ] || printf 'closed %s\n' "$forward_told"
  done
  forward_wanted=
  [ ! -d "$FORWARDS" ] || forward_wanted=$(forward_settings)
  [ "$forward_wanted" = "$(cat "$FORWARD_SETTINGS" 2>/dev/null)" ] || echo unsettled
  forward_tell_others "$1" "$2"
}

forward_tell_stale() {
  mkdir -- "$SPOOL/resolved"
  forward_resolve "$SPOOL/resolved"
  for forward_told in "$SPOOL/resolved"/*.nft "$FORWARDS"/*.nft; do
    forward_name=${forward_told##*/}
    [ -f "$forward_told" ] || continue
    cmp -s -- "$SPOOL/resolved/$forward_name" "$FORWARDS/$forward_name" || printf 'stale %s\n' "${forward_name%.nft}"
  done
}

# forward_tell_others PROTOCOL PORT: listeners, jails' ports, and rules of other tables that lead this port elsewhere.
forward_tell_others() {
  case $1 in udp) forward_kind=-u ;; *) forward_kind=-t ;; esac
  ss -Hlnp "$forward_kind" "sport = :$2" | perl -ane 'print "listener ", (/users:\(\("([^" ]*)",pid=(\d+)/ ? "$2 $1" : "0 kernel"), " $F[3]\n"'
  for forward_told in "$STATE"/services/*/rules.nft; do
    [ -f "$forward_told" ] || continue
    forward_name=${forward_told%/rules.nft}
    sed -n "s/^add element inet pulumi_jail ${1}4 //p" "$forward_told" | grep -oE "[0-9.]+ \. $2 : " |
      sed "s|\([0-9.]*\) .*|service ${forward_name##*/} \1|" || true
  done
  nft list ruleset 2>/dev/null | perl -ne '
    BEGIN { $port = shift } $table = "$1 $2" if /^table (\S+) (\S+) \{/;
    next if $table eq "inet pulumi_jail"; s/^\s+|\s+$//g;
    print "foreign $table: $_\n" if /dport (?:\{[^}]*\b)?\Q$port\E\b/ && /\b(dnat|redirect)\b/;
  ' -- "$2"
}
