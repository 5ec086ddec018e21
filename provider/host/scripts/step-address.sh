# shellcheck shell=sh
# The virtual addresses of an edge: keepalived in a jail of its own, and who tells it whether the proxy answers.

# step_address_up GUARD BYTES..: CONTENT is keepalived's configuration as long as old addresses are to stay, the one without
# them, the watcher, its unit and keepalived's; BYTES are their lengths, the first 0 where nothing has to stay.
step_address_up() { with_host_lock address_up "$@"; }

address_up() {
  edge_expect "$1"
  shift
  address_at=1
  for address_part in staying configuration watcher watch unit; do
    tail -c "+$address_at" "$CONTENT" | head -c "$1" >"$SPOOL/address:$address_part"
    address_at=$((address_at + $1))
    shift
  done
  mkdir -p -- "$EDGE/address" && chmod 0755 -- "$EDGE/address"
  address_is_new=false
  address_put watcher "$EDGE/address/watch.pl"
  address_put watch "/etc/systemd/system/$WATCH_UNIT"
  address_put unit "/etc/systemd/system/$ADDRESS_UNIT"
  if $address_is_new; then systemctl daemon-reload; fi
  if [ -s "$SPOOL/address:staying" ] && ! $address_is_new && systemctl --quiet is-active -- "$ADDRESS_UNIT"; then
    address_write staying
    systemctl reload -- "$ADDRESS_UNIT"
    address_wait staying
  fi
  address_write configuration
  systemctl --quiet enable -- "$WATCH_UNIT" "$ADDRESS_UNIT"
  if $address_is_new || ! systemctl --quiet is-active -- "$WATCH_UNIT"; then systemctl restart -- "$WATCH_UNIT"; fi
  if $address_is_new || ! systemctl --quiet is-active -- "$ADDRESS_UNIT"; then
    systemctl reset-failed -- "$ADDRESS_UNIT" 2>/dev/null || true
    systemctl restart -- "$ADDRESS_UNIT" || tell_log "$ADDRESS_UNIT"
  else
    systemctl reload -- "$ADDRESS_UNIT" || tell_log "$ADDRESS_UNIT"
  fi
}

address_put() {
  if cmp -s -- "$SPOOL/address:$1" "$2" && [ "$(stat -c %a:%U:%G -- "$2")" = 644:root:root ]; then return; fi
  address_is_new=true
  atomic_write "$2" 0644 root:root <"$SPOOL/address:$1"
}

address_write() { atomic_write "$EDGE/address/keepalived.conf" 0644 root:root <"$SPOOL/address:$1"; }

# address_wait PART: an edge that holds one of an instance's addresses is to hold all of them before one may go.
address_wait() {
  address_tries=0
  while ! address_is_whole "$1" && [ "$address_tries" -lt 50 ]; do
    sleep 0.1
    address_tries=$((address_tries + 1))
  done
}

address_is_whole() {
  ip -o address show >"$SPOOL/address:held"
  awk 'NR == FNR { held[$4 " " $2] = 1; next }
    / dev .* # [0-9]+$/ { if (($1 " " $3) in held) some[$3 $5] = 1; else less[$3 $5] = 1 }
    END { for (one in some) if (one in less) exit 1 }' "$SPOOL/address:held" "$SPOOL/address:$1"
}

# step_address_take_down GUARD: with the last virtual address; who holds one tells the other edges that it goes.
step_address_take_down() { with_host_lock address_take_down "$@"; }

address_take_down() {
  edge_expect "$1"
  for address_name in "$ADDRESS_UNIT" "$WATCH_UNIT"; do
    systemctl --quiet disable -- "$address_name" 2>/dev/null || true
    systemctl stop -- "$address_name" 2>/dev/null || true
    systemctl reset-failed -- "$address_name" 2>/dev/null || true
    service_remove_dropins "$address_name"
    rm -f -- "/etc/systemd/system/$address_name" "/etc/systemd/system/multi-user.target.wants/$address_name"
  done
  systemctl daemon-reload
  rm -rf -- /run/pulumi-jail-edge-watch
  step_generation_remove "$EDGE/keepalived"
  [ ! -d "$EDGE/keepalived" ] || rmdir --ignore-fail-on-non-empty -- "$EDGE/keepalived"
  [ ! -d "$EDGE/address" ] || remove_tree "$EDGE/address"
}
