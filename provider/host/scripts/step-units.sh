# shellcheck shell=sh
# step_daemon_reload NAME..
step_daemon_reload() {
  with_host_lock systemctl daemon-reload
  [ "$#" -gt 0 ] || return 0
  # A file written within the same second as another's reload may have been missed: the unit says so.
  if systemctl show --property=NeedDaemonReload -- "$@" | grep -q =yes; then
    with_host_lock systemctl daemon-reload
    if systemctl show --property=NeedDaemonReload -- "$@" | grep -q =yes; then die 1 "units changed on disk again and again: $*"; fi
  fi
}

step_enable_unit() { with_host_lock systemctl --quiet enable -- "$1"; }

step_disable_unit() {
  unit_exists "$1" || return 0
  with_host_lock systemctl --quiet disable -- "$1"
}

step_start_unit() { systemctl start -- "$1" || tell_log "$1"; }

step_restart_unit() { systemctl restart -- "$1" || tell_log "$1"; }

step_reload_unit() { systemctl reload -- "$1" || tell_log "$1"; }

step_stop_unit() {
  unit_exists "$1" || return 0
  systemctl stop -- "$1"
  # A failed unit of ours that is stopped on purpose must not stay in the list of failed ones.
  systemctl reset-failed -- "$1" 2>/dev/null || true
}

# unit_exists NAME: a unit whose file is gone can still run, and then has to be stopped.
unit_exists() {
  case $(systemctl show --property=LoadState,ActiveState -- "$1") in
    *LoadState=not-found*ActiveState=inactive* | *ActiveState=inactive*LoadState=not-found*) return 1 ;;
  esac
}

# tell_log NAME: why it did not work, as the unit's log says, and the failure itself.
tell_log() {
  systemctl show --property=ActiveState,SubState,Result,ExecMainCode,ExecMainStatus -- "$1" >&2
  journalctl --sync 2>/dev/null || true
  unit_invocation=$(systemctl show --property=InvocationID --value -- "$1")
  if [ -n "$unit_invocation" ]; then
    journalctl --quiet --no-pager --output=cat --lines=15 "_SYSTEMD_INVOCATION_ID=$unit_invocation" + "INVOCATION_ID=$unit_invocation"
  else
    journalctl --quiet --no-pager --output=cat --lines=15 "--unit=$1"
  fi
  exit 1
}
