# shellcheck shell=sh
# The edge's way to ask hosts that run snmpd for their load (snmp.pl). Its targets hold communities: for root and the proxy's
# user alone, who may not enter $STATE.
SNMP=/var/lib/pulumi-jail-snmp
SNMP_UNITS="/etc/systemd/system/pulumi-jail-snmp.socket /etc/systemd/system/pulumi-jail-snmp@.service"

# ask_edge_snmp NAME: `file PATH MODE BASE64` for what is there, `listens`, `enabled`.
ask_edge_snmp() {
  # shellcheck disable=SC2086 # two words
  for snmp_path in "$SNMP/respond" $SNMP_UNITS "$SNMP/targets/$1"; do
    [ ! -f "$snmp_path" ] || [ -L "$snmp_path" ] || printf 'file %s %s %s\n' "$snmp_path" "$(stat -c %a:%U:%G -- "$snmp_path")" "$(base64 -w 0 <"$snmp_path")"
  done
  [ "$(systemctl is-active pulumi-jail-snmp.socket)" != active ] || echo listens
  [ ! -L /etc/systemd/system/sockets.target.wants/pulumi-jail-snmp.socket ] || echo enabled
}

# step_edge_snmp NAME: CONTENT is the program, the two units and the targets, each behind a line with its bytes.
step_edge_snmp() { with_host_lock edge_snmp "$1"; }

edge_snmp() {
  [ ! -L "$SNMP" ] || die 3 "$SNMP is a symbolic link, which is not of our making"
  mkdir -p -- "$SNMP/targets"
  chown root:pulumi-jail-edge -- "$SNMP" "$SNMP/targets" && chmod 0750 -- "$SNMP" "$SNMP/targets"
  # shellcheck disable=SC2086 # two words
  set -- "$1" "$SNMP/respond" $SNMP_UNITS "$SNMP/targets/$1"
  snmp_at=1
  for snmp_path in "$2" "$3" "$4" "$5"; do
    snmp_bytes=$(tail -c "+$snmp_at" "$CONTENT" | head -n 1)
    snmp_at=$((snmp_at + ${#snmp_bytes} + 1))
    case $snmp_path in
      */respond) snmp_mode=0755 snmp_owner=root:root ;;
      */targets/*) snmp_mode=0640 snmp_owner=root:pulumi-jail-edge ;;
      *) snmp_mode=0644 snmp_owner=root:root ;;
    esac
    tail -c "+$snmp_at" "$CONTENT" | head -c "$snmp_bytes" | atomic_write "$snmp_path" "$snmp_mode" "$snmp_owner"
    snmp_at=$((snmp_at + snmp_bytes))
  done
  systemctl daemon-reload
  systemctl --quiet --no-reload enable -- pulumi-jail-snmp.socket
  systemctl restart -- pulumi-jail-snmp.socket || tell_log pulumi-jail-snmp.socket
}

# step_edge_snmp_drop NAME: for a mapping that asks no snmpd any more.
step_edge_snmp_drop() { with_host_lock edge_snmp_drop "$1"; }

# edge_snmp_drop NAME: its targets; with the last all of it. Nothing to do on most edges.
edge_snmp_drop() {
  [ -d "$SNMP" ] && [ ! -L "$SNMP" ] || return 0
  rm -f -- "$SNMP/targets/$1" "$SNMP/targets/.$1.pulumi-jail-new" /run/pulumi-jail-snmp/weight-"$1"-*
  rmdir -- "$SNMP/targets" 2>/dev/null || return 0
  systemctl stop -- pulumi-jail-snmp.socket 'pulumi-jail-snmp@*.service' 2>/dev/null || true
  # shellcheck disable=SC2086 # two words
  rm -f -- $SNMP_UNITS /etc/systemd/system/sockets.target.wants/pulumi-jail-snmp.socket
  rmdir -- /etc/systemd/system/sockets.target.wants 2>/dev/null || true
  rm -rf -- "$SNMP" /run/pulumi-jail-snmp
  systemctl daemon-reload
  systemctl reset-failed -- 'pulumi-jail-snmp*' 2>/dev/null || true
}
