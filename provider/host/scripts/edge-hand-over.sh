# shellcheck shell=sh
# From one jail of the proxy to another: a process keeps the root that it was started in, so a reload can't do this, and a
# restart refuses whoever comes meanwhile. A second HAProxy in the new jail takes the listening sockets from the first (-x,
# by the admin socket), the first one finishes what it has, and its successor takes them back in the same way.

export EDGE_INTERIM=pulumi-jail-edge-interim.service
# The unit reads it at every start; between two hand-overs it is not there.
EDGE_TAKES=$RUN/edge-takes

# edge_runs_in_older_jail: whether what runs is our own proxy, answers, and has for its root another generation than its unit names.
edge_runs_in_older_jail() {
  older_pid=$(systemctl show --property=MainPID --value -- "$EDGE_UNIT")
  [ "${older_pid:-0}" != 0 ] || return 1
  older_root=$(stat -L -c %d:%i -- "/proc/$older_pid/root/.")
  older_tree=$(sed -n 's/^RootDirectory=//p' "/etc/systemd/system/$EDGE_UNIT")
  [ "$older_root" != "$(stat -c %d:%i -- "$older_tree/.")" ] || return 1
  for older_other in "$EDGE"/haproxy/generations/????????????????; do
    [ "$older_root" = "$(stat -c %d:%i -- "$older_other/." 2>/dev/null)" ] || continue
    echo 'show info' | edge_talk "$EDGE_RUN/admin.sock" 5 2>/dev/null | grep -q '^Name: HAProxy'
    return
  done
  return 1
}

# edge_hand_over: done when the unit's own process serves from the new jail. Restart=always starts it there as soon as the
# old one has no connection left; systemd ends that one after TimeoutStopSec= at the latest.
edge_hand_over() {
  over_old=$(systemctl show --property=MainPID --value -- "$EDGE_UNIT")
  systemctl stop -- "$EDGE_INTERIM" 2>/dev/null || true
  edge_start_interim || return 1
  mkdir -p -- "$RUN"
  printf 'EDGE_TAKES=-x %s/admin.sock\n' "$EDGE_RUN" >"$EDGE_TAKES"
  systemctl kill --signal=SIGUSR1 --kill-who=main -- "$EDGE_UNIT"
  over_until=$(($(uptime_seconds) + 60))
  while :; do
    over_now=$(systemctl show --property=ActiveState,MainPID -- "$EDGE_UNIT" | sort | tr '\n' ' ')
    case $over_now in
      *"MainPID=$over_old "* | *"MainPID=0 "*) ;;
      *ActiveState=active*) break ;;
    esac
    if [ "$(uptime_seconds)" -ge "$over_until" ]; then
      rm -f -- "$EDGE_TAKES"
      return 1
    fi
    sleep 0.1
  done
  rm -f -- "$EDGE_TAKES"
  systemctl --no-block stop -- "$EDGE_INTERIM"
}

# edge_start_interim: as confined as the unit, whose settings it has, but for its own life: it ends by itself when the run
# that started it was cut off, and its stop is a soft one.
edge_start_interim() {
  interim_unit=/etc/systemd/system/$EDGE_UNIT
  set -- --quiet --collect "--unit=$EDGE_INTERIM" -p "BindPaths=$EDGE_RUN" -p RuntimeMaxSec=180 -p KillSignal=SIGUSR1
  interim_keys='Exec|Restart|Runtime|EnvironmentFile'
  while IFS= read -r interim_setting; do set -- "$@" -p "$interim_setting"; done <<SETTINGS
$(sed -n '/^\[Service\]$/,/^\[Install\]$/ { /^[A-Z][A-Za-z]*=/p; }' "$interim_unit" | grep -Ev "^($interim_keys)")
SETTINGS
  systemd-run "$@" /usr/sbin/haproxy -Ws -f "$EDGE/configuration/haproxy.cfg" -x "$EDGE_RUN/admin.sock" </dev/null >&2
}
