# shellcheck shell=sh
# Steps of forwarded ports. Exit codes: 65 nft refuses the rules, 79 another run changed the forwards meanwhile.

# step_forward_shared_files NAME: the table's file and unit, which jailed services share.
step_forward_shared_files() {
  with_host_lock step_service_files "$1"
  rmdir -- "$STATE/services/$1" "$STATE/services" 2>/dev/null || true
}

# step_forward_put NAME OLDNAME|- GUARD: CONTENT is the forward's rules. The whole table is loaded in one transaction;
# established connections stay where they are (conntrack).
step_forward_put() { with_host_lock forward_put "$@"; }

forward_put() {
  [ "$(forward_guard)" = "$3" ] || die 79 "another run changed the forwards of this host meanwhile"
  refuse_symlinks "$FORWARDS"
  mkdir -p -- "$FORWARDS"
  cp -a -- "$FORWARDS" "$SPOOL/old.forwards"
  atomic_write "$FORWARDS/$1.rules" 0600 root:root <"$CONTENT"
  [ "$2" = - ] || rm -f -- "$FORWARDS/$2.rules"
  forward_resolve "$FORWARDS"
  if ! nft -c -f "$STATE/rules.nft" >&2; then
    rm -rf -- "$FORWARDS"
    cp -a -- "$SPOOL/old.forwards" "$FORWARDS"
    rmdir -- "$FORWARDS" "${FORWARDS%/*}" 2>/dev/null || true
    service_forget_shared
    exit 65
  fi
  rules_load
  forward_open
}

# forward_open: a packet is forwarded only between two devices that allow it; now, and after a boot.
forward_open() {
  forward_remember
  # shellcheck disable=SC2046 # names of devices have no blanks
  set -- $(forward_devices)
  step_network_forward "$@"
  forward_settings >"$SPOOL/settings"
  cmp -s -- "$SPOOL/settings" "$FORWARD_SETTINGS" || atomic_write "$FORWARD_SETTINGS" 0644 root:root <"$SPOOL/settings"
}

# forward_remember: what a boot has forgotten, as it applied our settings itself: without them a device is as all are by default.
forward_remember() {
  sed -n 's|^net/ipv4/conf/\(.*\)/forwarding=1$|\1|p' "$FORWARD_SETTINGS" 2>/dev/null | while read -r forward_device; do
    mkdir -p -- "$RUN"
    [ -e "$RUN/forwarding-$forward_device" ] || cat /proc/sys/net/ipv4/conf/default/forwarding >"$RUN/forwarding-$forward_device"
  done
}

# step_forward_drop NAME: with the last forward goes all that was there for them, and with the last service the table too.
step_forward_drop() { with_host_lock forward_drop "$@"; }

forward_drop() {
  refuse_symlinks "$FORWARDS"
  rm -f -- "$FORWARDS/$1.rules"
  if [ -n "$(find "$FORWARDS" -name '*.rules' 2>/dev/null | head -n 1)" ]; then
    rules_load
    forward_open
    return
  fi
  forward_remember
  rm -f -- "$FORWARD_SETTINGS"
  rm -rf -- "$FORWARDS"
  rmdir -- "${FORWARDS%/*}" 2>/dev/null || true
  if [ -d "$STATE/services" ]; then rules_load; else service_forget_shared; fi
}
