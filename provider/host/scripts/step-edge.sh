# shellcheck shell=sh
# Exit codes of their own: 65 the proxy refuses the configuration, 66 it can't run on it and the one before holds,
# 79 another run changed the mappings meanwhile: observe again.

# step_edge_user: CONTENT is a line of sysusers.d(5); what has the name without our mark is foreign.
step_edge_user() {
  edge_line=$(getent passwd pulumi-jail-edge || true)
  case $edge_line in
    '') with_host_lock keep_user_backups systemd-sysusers - <"$CONTENT" >&2 ;;
    *:"pulumi-jail edge":*) ;;
    *) die 3 "there is a user pulumi-jail-edge which is not ours" ;;
  esac
}

# step_edge_validate TREE BYTES GUARD: CONTENT is the configuration and what lies beside it. `haproxy -c` in the jail and as its
# user, on a copy that nothing else sees. The copy goes with the request: beside the edge's own files one would stay when the
# run is killed. It is made without the lock; what another run took away meanwhile is no fault of the configuration.
step_edge_validate() {
  edge_candidate=$SPOOL/candidate
  mkdir -m 0755 -- "$edge_candidate"
  (umask 022 && head -c "$2" -- "$CONTENT" >"$edge_candidate/haproxy.cfg") || { blame_disk "$SPOOL" && exit 1; }
  if [ -d "$EDGE/configuration/certificates" ]; then
    cp -a -- "$EDGE/configuration/certificates" "$edge_candidate/" || { edge_expect "$3" && exit 1; }
  fi
  tail -c "+$(($2 + 1))" -- "$CONTENT" | edge_unbundle "$edge_candidate/certificates" || { blame_disk "$SPOOL" && exit 1; }
  edge_code=0
  systemd-run --quiet --wait --pipe --collect -p "RootDirectory=$1" -p MountAPIVFS=yes -p User=pulumi-jail-edge -p NoNewPrivileges=yes \
    -p MemoryDenyWriteExecute=yes -p PrivateNetwork=yes -p PrivateDevices=yes -p PrivateTmp=yes -p ProtectSystem=strict -p "BindReadOnlyPaths=$edge_candidate:$EDGE/configuration" \
    /usr/sbin/haproxy -c -f "$EDGE/configuration/haproxy.cfg" </dev/null >"$SPOOL/said" 2>&1 || edge_code=$?
  rm -rf -- "$edge_candidate"
  [ "$edge_code" != 0 ] || return 0
  edge_expect "$3"
  grep -v '^\[NOTICE\]' "$SPOOL/said" >&2 || echo "haproxy -c ended with code $edge_code and said nothing" >&2
  exit 65
}

# step_edge_admit GUARD: CONTENT is commands which add and adjust servers of the running proxy.
step_edge_admit() { with_host_lock edge_admit "$1"; }

edge_admit() {
  edge_expect "$1"
  edge_agents <"$CONTENT" | edge_talk "$EDGE_RUN/admin.sock" >&2
}

edge_expect() { [ "$(edge_guard)" = "$1" ] || die 79 "another run changed the mappings of this edge meanwhile"; }

# step_edge_await BACKEND SECONDS SERVER..: until the checks of one of them pass; then another server may go.
step_edge_await() {
  edge_backend=$1 edge_deadline=$(($(uptime_seconds) + $2))
  shift 2
  while :; do
    edge_states=$(printf 'show servers state %s\n' "$edge_backend" | edge_talk "$EDGE_RUN/admin.sock")
    for edge_server in "$@"; do
      # srv_op_state 2: running; srv_check_result 3 and 4: passed
      ! printf '%s\n' "$edge_states" | awk -v s="$edge_server" '$4 == s && $6 == 2 && ($12 == 3 || $12 == 4) { f = 1 } END { exit !f }' || return 0
    done
    [ "$(uptime_seconds)" -lt "$edge_deadline" ] || die 1 "no check has passed of $*: what served before serves on"
    sleep 0.1
  done
}

# step_edge_drain BACKEND SECONDS SERVER..: no new sessions, then wait for those under way, of old workers too; at the deadline
# go on.
step_edge_drain() {
  edge_backend=$1 edge_deadline=$(($(uptime_seconds) + $2))
  shift 2
  for edge_server in "$@"; do printf 'disable agent %s/%s\nset server %s/%s state drain\n' "$edge_backend" "$edge_server" "$edge_backend" "$edge_server"; done |
    edge_talk "$EDGE_RUN/admin.sock" | { grep -v "No such server" || true; } >&2
  while { edge_busy "$@" || edge_known_to_old "$edge_backend" "$@"; } && [ "$(uptime_seconds)" -lt "$edge_deadline" ]; do sleep 0.1; done
}

# edge_busy SERVER..: whether one of them has a session or a queued one.
edge_busy() {
  edge_stat=$(printf 'show stat %s 4 -1\n' "$edge_backend" | edge_talk "$EDGE_RUN/admin.sock")
  for edge_server in "$@"; do
    ! printf '%s\n' "$edge_stat" | awk -F, -v s="$edge_server" '$2 == s && $3 + $5 > 0 { f = 1 } END { exit !f }' || return 0
  done
  return 1
}

# edge_known_to_old BACKEND SERVER..: whether a worker of before a reload has one of the servers, and a client: it may ask once
# more on a connection that it keeps, and this worker hears of no change (HAProxy management guide, 9.4, show proc).
edge_known_to_old() {
  perl -e '
    use strict; use IO::Socket::UNIX;
    my ($path, $backend, @servers) = @ARGV; my %is = map { $_ => 1 } @servers; alarm 15;
    sub talk { my $s = IO::Socket::UNIX->new(Peer => $path) or exit 1; print $s "$_[0]\n"; $s->flush; shutdown $s, 1; <$s> }
    my $old;
    for (talk("show proc")) {
      if (/^#\s*(.*)/) { $old = $1 =~ /^old workers/; next }
      my ($pid) = /^(\d+)\s+worker/ or next; next unless $old;
      next unless grep { my @cells = split /,/; ($cells[0] // "") eq $backend && $is{$cells[1] // ""} } talk("\@!$pid show stat $backend 4 -1");
      for (talk("\@!$pid show stat -1 1 -1")) { my @cells = split /,/; exit 0 if !/^#/ && ($cells[4] || 0) > 0 }
    }
    exit 1;
  ' -- "$EDGE_RUN/master.sock" "$@"
}

# step_edge_commit NAME OLDNAME|- GUARD HOW DESCRIPTION FRAGMENTBYTES CONFIGURATIONBYTES BUNDLEBYTES RENEWED..: CONTENT is the
# fragment (empty: it goes), the configuration, what lies beside it, and commands; RENEWED are certificates' files. HOW: record, runtime, reload or start. Prints what the clients saw.
step_edge_commit() { with_host_lock edge_commit "$@"; }

edge_commit() {
  edge_expect "$3"
  [ -f "/etc/systemd/system/$EDGE_UNIT" ] || die 79 "another run took this edge down meanwhile"
  case $4 in
    reload | start)
      tail -c "+$(($6 + 1))" "$CONTENT" | head -c "$7" >"$SPOOL/binds"
      edge_probe "$SPOOL/binds" || exit 66
      ;;
  esac
  # A start begins all counters anew, and who hangs could not tell them.
  edge_before="0 0"
  [ "$4" = start ] || edge_before=$(edge_count "$1")
  edge_keep_old "$@"
  edge_write "$@" || { edge_put_back "$@" && exit 1; }
  case $4 in
    record) ;;
    runtime) edge_tell "$@" || edge_undo reload "$@" ;;
    reload) edge_reload "$5" || edge_undo reload "$@" ;;
    start) edge_start || edge_undo start "$@" ;;
  esac
  [ "$6" -gt 0 ] || edge_snmp_drop "$1"
  [ "$2" = - ] || edge_snmp_drop "$2"
  edge_after=$(edge_count "$1")
  # Counters begin anew in a new worker, and an old one may have ended.
  printf '%s %s\n' "$edge_before" "$edge_after" | awk '{ r = $3 - $1; f = $4 - $2; print (r < 0 ? $3 : r), (f < 0 ? $4 : f) }'
}

edge_keep_old() {
  for edge_kept in "$1" "$2"; do
    if [ -f "$EDGE/mappings/$edge_kept.json" ]; then cp -p -- "$EDGE/mappings/$edge_kept.json" "$SPOOL/old.$edge_kept"; fi
  done
  if [ -f "$EDGE/configuration/haproxy.cfg" ]; then cp -p -- "$EDGE/configuration/haproxy.cfg" "$SPOOL/old:haproxy.cfg"; fi
  if [ -d "$EDGE/configuration/certificates" ]; then cp -a -- "$EDGE/configuration/certificates" "$SPOOL/old:certificates"; fi
}

# The configuration last: until then the fragments say more than it does, which the next run sees and finishes.
edge_write() {
  make_path "$EDGE/mappings" "$EDGE/configuration" || return
  chmod 0755 -- "$EDGE/configuration" || return
  if [ "$6" -gt 0 ]; then
    head -c "$6" "$CONTENT" | atomic_write "$EDGE/mappings/$1.json" 0600 root:root || return
  else
    rm -f -- "$EDGE/mappings/$1.json" || return
  fi
  [ "$2" = - ] || rm -f -- "$EDGE/mappings/$2.json" || return
  tail -c "+$(($6 + $7 + 1))" "$CONTENT" | head -c "$8" | edge_unbundle "$EDGE/configuration/certificates" || return
  tail -c "+$(($6 + 1))" "$CONTENT" | head -c "$7" | atomic_write "$EDGE/configuration/haproxy.cfg" 0644 root:root
}

edge_commands() { tail -c "+$(($6 + $7 + $8 + 1))" "$CONTENT"; }

# edge_tell ARGS..: a certificate that is too long for the socket is read from disk by a new worker.
edge_tell() {
  edge_commands "$@" | edge_agents | edge_talk "$EDGE_RUN/admin.sock" >&2 || exit 1
  edge_description=$5
  shift 8
  edge_renew "$@" || edge_reload "$edge_description"
}

edge_put_back() {
  for edge_kept in "$1" "$2"; do
    if [ -f "$SPOOL/old.$edge_kept" ]; then
      mv -f -- "$SPOOL/old.$edge_kept" "$EDGE/mappings/$edge_kept.json"
    elif [ "$edge_kept" != - ]; then
      rm -f -- "$EDGE/mappings/$edge_kept.json"
    fi
  done
  rm -rf -- "$EDGE/configuration/certificates"
  [ ! -d "$SPOOL/old:certificates" ] || cp -a -- "$SPOOL/old:certificates" "$EDGE/configuration/certificates"
  if [ -f "$SPOOL/old:haproxy.cfg" ]; then
    mv -f -- "$SPOOL/old:haproxy.cfg" "$EDGE/configuration/haproxy.cfg"
  else
    rm -f -- "$EDGE/configuration/haproxy.cfg"
  fi
}

# A reload is done when a worker answers that runs on the new file. A file that validates can still fail to bind.
edge_reload() {
  edge_failed=$(edge_failures)
  systemctl reload -- "$EDGE_UNIT" || return 1
  edge_deadline=$(($(uptime_seconds) + 20))
  while ! echo 'show info' | edge_talk "$EDGE_RUN/admin.sock" 2>/dev/null | grep -qxF "description: $1"; do
    [ "$(edge_failures)" = "$edge_failed" ] || return 1
    [ "$(uptime_seconds)" -lt "$edge_deadline" ] || return 1
    sleep 0.02
  done
  # A new worker knows nothing of servers that only the socket was told.
  systemctl kill --signal=HUP -- 'pulumi-jail-etcd-*.service' 2>/dev/null || true
}

# edge_failures: how many reloads of the master did not work out; it may be between two lives and not answer.
edge_failures() {
  edge_answer=$(echo 'show proc' | edge_talk "$EDGE_RUN/master.sock" 2>/dev/null | sed -n 's/.* master .*failed: \([0-9]*\).*/\1/p')
  printf '%s\n' "${edge_answer:-${edge_failed:-0}}"
}

# A proxy that hangs serves nobody: there is nothing to drain, and TimeoutStopSec= would be time without a service.
# One that runs as it should, but in an older jail, hands over.
edge_start() {
  if systemctl --quiet is-active -- "$EDGE_UNIT" && ! echo 'show info' | edge_talk "$EDGE_RUN/admin.sock" 5 >/dev/null 2>&1; then
    systemctl kill --signal=KILL -- "$EDGE_UNIT" 2>/dev/null || true
  fi
  systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
  if edge_runs_in_older_jail; then edge_hand_over && return; fi
  systemctl restart -- "$EDGE_UNIT"
}

# edge_undo HOW ARGS..: the log first, then the files and the proxy of before.
edge_undo() {
  edge_how=$1
  shift
  journalctl --sync 2>/dev/null || true
  journalctl --quiet --no-pager --output=cat --lines=20 "--unit=$EDGE_UNIT" | grep -E 'ALERT|cannot|Cannot|error' | tail -n 8 >&2 || true
  edge_put_back "$@"
  if [ "$edge_how" = start ] && [ ! -f "$EDGE/configuration/haproxy.cfg" ]; then
    systemctl stop -- "$EDGE_UNIT" || true
    systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
  elif [ "$edge_how" = start ]; then
    edge_start || true
  else
    systemctl reload -- "$EDGE_UNIT" || true
  fi
  exit 66
}

# step_edge_linger BACKEND SECONDS: after a reload that took the mapping away, old workers still finish its sessions.
step_edge_linger() {
  edge_deadline=$(($(uptime_seconds) + $2))
  while [ "$(uptime_seconds)" -lt "$edge_deadline" ] && edge_lingers "$1"; do sleep 0.1; done
}

edge_lingers() {
  perl -e '
    use IO::Socket::UNIX;
    my ($path, $backend) = @ARGV; alarm 15;
    sub talk { my $s = IO::Socket::UNIX->new(Peer => $path) or exit 1; print $s "$_[0]\n"; $s->flush; shutdown $s, 1; <$s> }
    for my $pid (map { /^(\d+)\s+worker/ ? $1 : () } talk("show proc")) {
      for (talk("\@!$pid show stat $backend 2 -1")) { my @cells = split /,/; exit 0 if $cells[0] eq $backend && ($cells[2] || 0) + ($cells[4] || 0) > 0 }
    }
    exit 1;
  ' -- "$EDGE_RUN/master.sock" "$1"
}

# step_edge_take_down NAME|- GUARD: the last mapping and all of the edge, unless another run brought a mapping meanwhile. All under
# the lock, so that no other run can bring up what is being taken down.
step_edge_take_down() { with_host_lock edge_take_down "$@"; }

edge_take_down() {
  edge_expect "$2"
  for edge_other in $(edge_fragments); do
    [ "$edge_other" = "$EDGE/mappings/$1.json" ] || die 79 "another mapping came meanwhile"
  done
  case $(systemctl show --property=LoadState,ActiveState -- "$EDGE_UNIT") in
    *LoadState=not-found*ActiveState=inactive*) ;;
    *)
      systemctl --quiet disable -- "$EDGE_UNIT" 2>/dev/null || true
      systemctl stop -- "$EDGE_UNIT"
      systemctl kill --signal=SIGTERM -- "$EDGE_INTERIM" 2>/dev/null || true
      systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
      ;;
  esac
  service_remove_dropins "$EDGE_UNIT"
  rm -f -- "/etc/systemd/system/$EDGE_UNIT" "/etc/systemd/system/multi-user.target.wants/$EDGE_UNIT"
  systemctl daemon-reload
  # Of a mapping that never came to be, too.
  for edge_targets in "$SNMP"/targets/*; do edge_snmp_drop "${edge_targets##*/}"; done
  case $(getent passwd pulumi-jail-edge || true) in
    *:"pulumi-jail edge":*) keep_user_backups userdel -- pulumi-jail-edge >&2 ;;
  esac
  [ ! -d "$EDGE/configuration" ] || remove_tree "$EDGE/configuration"
  step_generation_remove "$EDGE/haproxy"
  # The fragment goes last: what was cut off before is still somebody's, who finishes it.
  rm -f -- "$EDGE/mappings/$1.json"
  for edge_part in "$EDGE/haproxy" "$EDGE/mappings" "$EDGE"; do
    sweep_empty "$edge_part"
  done
}
