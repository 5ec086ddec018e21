  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# shellcheck shell=sh
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# Exit codes of their own: 65 the proxy refuses the configuration, 66 it could not run on it and the one before is back,
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# 79 another run changed the mappings meanwhile: observe again.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_user: CONTENT is a line of sysusers.d(5); what has the name without our mark is foreign.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_user() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_line=$(getent passwd pulumi-jail-edge || true)
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  case $edge_line in
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    '') with_host_lock systemd-sysusers - <"$CONTENT" ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    *:"pulumi-jail edge":*) ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    *) die 3 "there is a user pulumi-jail-edge which is not ours" ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  esac
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_validate TREE: `haproxy -c` in the jail and as its user, on a copy that nothing else sees.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_validate() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_candidate=$(mktemp -d "$EDGE/.candidate.XXXXXXXX")
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  chmod 0755 "$edge_candidate"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  (umask 022 && cat -- "$CONTENT" >"$edge_candidate/haproxy.cfg") || { blame_disk "$EDGE" && exit 1; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_code=0
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  systemd-run --quiet --wait --pipe --collect -p "RootDirectory=$1" -p MountAPIVFS=yes -p User=pulumi-jail-edge -p NoNewPrivileges=yes \
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    -p PrivateNetwork=yes -p PrivateDevices=yes -p PrivateTmp=yes -p ProtectSystem=strict -p "BindReadOnlyPaths=$edge_candidate:/etc/haproxy" \
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    /usr/sbin/haproxy -c -q -f /etc/haproxy/haproxy.cfg </dev/null >&2 || edge_code=$?
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  rm -rf -- "$edge_candidate"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  find "$EDGE" -maxdepth 1 -name '.candidate.*' -mmin +10 -exec rm -rf -- {} +
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  [ "$edge_code" = 0 ] || exit 65
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_admit GUARD: CONTENT is commands which add and adjust servers of the running proxy.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_admit() { with_host_lock edge_admit "$1"; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_admit() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_expect "$1"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_talk "$EDGE_RUN/admin.sock" <"$CONTENT" >&2
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_expect() { [ "$(edge_guard)" = "$1" ] || die 79 "another run changed the mappings of this edge meanwhile"; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_await BACKEND SECONDS SERVER..: until the checks of one of them pass; then another server may go.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_await() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_backend=$1 edge_deadline=$(($(uptime_seconds) + $2))
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  shift 2
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  while :; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    edge_states=$(printf 'show servers state %s\n' "$edge_backend" | edge_talk "$EDGE_RUN/admin.sock")
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    for edge_server in "$@"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      # srv_op_state 2: running; srv_check_result 3 and 4: passed
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      ! printf '%s\n' "$edge_states" | awk -v s="$edge_server" '$4 == s && $6 == 2 && ($12 == 3 || $12 == 4) { f = 1 } END { exit !f }' || return 0
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    [ "$(uptime_seconds)" -lt "$edge_deadline" ] || die 1 "no check has passed of $*: what served before serves on"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    sleep 0.1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_drain BACKEND SECONDS SERVER..: no new sessions, then wait for those under way; at the deadline go on.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_drain() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_backend=$1 edge_deadline=$(($(uptime_seconds) + $2))
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  shift 2
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_server in "$@"; do printf 'set server %s/%s state drain\n' "$edge_backend" "$edge_server"; done |
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    edge_talk "$EDGE_RUN/admin.sock" >&2
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  while edge_busy "$@" && [ "$(uptime_seconds)" -lt "$edge_deadline" ]; do sleep 0.1; done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# edge_busy SERVER..: whether one of them has a session or a queued one.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_busy() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_stat=$(printf 'show stat %s 4 -1\n' "$edge_backend" | edge_talk "$EDGE_RUN/admin.sock")
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_server in "$@"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    ! printf '%s\n' "$edge_stat" | awk -F, -v s="$edge_server" '$2 == s && $3 + $5 > 0 { f = 1 } END { exit !f }' || return 0
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  return 1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_commit NAME OLDNAME|- GUARD HOW DESCRIPTION FRAGMENTBYTES CONFIGURATIONBYTES: CONTENT is the fragment (empty:
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# it goes), the configuration, and commands. HOW: record, runtime, reload or start. Prints what the clients saw.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_commit() { with_host_lock edge_commit "$@"; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_commit() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_expect "$3"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  [ -f "/etc/systemd/system/$EDGE_UNIT" ] || die 79 "another run took this edge down meanwhile"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_before=$(edge_count "$1")
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_keep_old "$@"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_write "$@" || { edge_put_back "$@" && exit 1; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  case $4 in
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    record) ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    runtime) edge_commands "$@" | edge_talk "$EDGE_RUN/admin.sock" >&2 ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    reload) edge_reload "$5" || edge_undo reload "$@" ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    start) edge_start || edge_undo start "$@" ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  esac
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_after=$(edge_count "$1")
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  # Counters begin anew in a new worker, and an old one may have ended.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  printf '%s %s\n' "$edge_before" "$edge_after" | awk '{ r = $3 - $1; f = $4 - $2; print (r < 0 ? $3 : r), (f < 0 ? $4 : f) }'
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_keep_old() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_kept in "$1" "$2"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    if [ -f "$EDGE/mappings/$edge_kept.json" ]; then cp -p -- "$EDGE/mappings/$edge_kept.json" "$SPOOL/old.$edge_kept"; fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  if [ -f "$EDGE/configuration/haproxy.cfg" ]; then cp -p -- "$EDGE/configuration/haproxy.cfg" "$SPOOL/old:haproxy.cfg"; fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# The configuration last: until then the fragments say more than it does, which the next run sees and finishes.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_write() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return|| return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  if [ "$6" -gt 0 ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    head -c "$6" "$CONTENT" | atomic_write "$EDGE/mappings/$1.json" 0600 root:root || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  else
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    rm -f -- "$EDGE/mappings/$1.json" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  [ "$2" = - ] || rm -f -- "$EDGE/mappings/$2.json" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  tail -c "+$(($6 + 1))" "$CONTENT" | head -c "$7" | atomic_write "$EDGE/configuration/haproxy.cfg" 0644 root:root
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_commands() { tail -c "+$(($6 + $7 + 1))" "$CONTENT"; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_put_back() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_kept in "$1" "$2"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    if [ -f "$SPOOL/old.$edge_kept" ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      mv -f -- "$SPOOL/old.$edge_kept" "$EDGE/mappings/$edge_kept.json"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    elif [ "$edge_kept" != - ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      rm -f -- "$EDGE/mappings/$edge_kept.json"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  if [ -f "$SPOOL/old:haproxy.cfg" ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    mv -f -- "$SPOOL/old:haproxy.cfg" "$EDGE/configuration/haproxy.cfg"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  else
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    rm -f -- "$EDGE/configuration/haproxy.cfg"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# A reload is done when a worker answers that runs on the new file. A file that validates can still fail to bind.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_reload() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_failed=$(edge_failures)
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  systemctl reload -- "$EDGE_UNIT" || return 1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_deadline=$(($(uptime_seconds) + 20))
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  while ! echo 'show info' | edge_talk "$EDGE_RUN/admin.sock" 2>/dev/null | grep -qxF "description: $1"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    [ "$(edge_failures)" = "$edge_failed" ] || return 1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    [ "$(uptime_seconds)" -lt "$edge_deadline" ] || return 1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    sleep 0.02
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# edge_failures: how many reloads of the master did not work out; it may be between two lives and not answer.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_failures() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_answer=$(echo 'show proc' | edge_talk "$EDGE_RUN/master.sock" 2>/dev/null | sed -n 's/.* master .*failed: \([0-9]*\).*/\1/p')
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  printf '%s\n' "${edge_answer:-${edge_failed:-0}}"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_start() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  systemctl restart -- "$EDGE_UNIT"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# edge_undo HOW ARGS..: the log first, then the files and the proxy of before.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_undo() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_how=$1
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  shift
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  journalctl --sync 2>/dev/null || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  journalctl --quiet --no-pager --output=cat --lines=20 "--unit=$EDGE_UNIT" | grep -E 'ALERT|cannot|Cannot|error' | tail -n 8 >&2 || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_put_back "$@"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  if [ "$edge_how" = start ] && [ ! -f "$EDGE/configuration/haproxy.cfg" ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    systemctl stop -- "$EDGE_UNIT" || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  elif [ "$edge_how" = start ]; then
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    edge_start || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  else
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    systemctl reload -- "$EDGE_UNIT" || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  fi
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  exit 66
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_linger BACKEND SECONDS: after a reload that took the mapping away, old workers still finish its sessions.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_linger() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_deadline=$(($(uptime_seconds) + $2))
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  while [ "$(uptime_seconds)" -lt "$edge_deadline" ] && edge_lingers "$1"; do sleep 0.1; done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_lingers() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  perl -e '
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    use IO::Socket::UNIX;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    my ($path, $backend) = @ARGV; alarm 15;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    sub talk { my $s = IO::Socket::UNIX->new(Peer => $path) or exit 1; print $s "$_[0]\n"; $s->flush; shutdown $s, 1; <$s> }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    for my $pid (map { /^(\d+)\s+worker/ ? $1 : () } talk("show proc")) {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      for (talk("\@!$pid show stat $backend 2 -1")) { my @cells = split /,/; exit 0 if $cells[0] eq $backend && ($cells[2] || 0) + ($cells[4] || 0) > 0 }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    exit 1;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  ' -- "$EDGE_RUN/master.sock" "$1"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# step_edge_take_down NAME|- GUARD: the last mapping and all of the edge, unless another run brought a mapping meanwhile. All under
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return# the lock, so that no other run can bring up what is being taken down.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnstep_edge_take_down() { with_host_lock edge_take_down "$@"; }
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || returnedge_take_down() {
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  edge_expect "$2"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_other in $(edge_fragments); do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    [ "$edge_other" = "$EDGE/mappings/$1.json" ] || die 79 "another mapping came meanwhile"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  case $(systemctl show --property=LoadState,ActiveState -- "$EDGE_UNIT") in
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    *LoadState=not-found*ActiveState=inactive*) ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    *)
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      systemctl --quiet disable -- "$EDGE_UNIT" 2>/dev/null || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      systemctl stop -- "$EDGE_UNIT"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      systemctl reset-failed -- "$EDGE_UNIT" 2>/dev/null || true
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return      ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  esac
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  rm -rf -- "/etc/systemd/system/$EDGE_UNIT.d"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  rm -f -- "/etc/systemd/system/$EDGE_UNIT" "/etc/systemd/system/multi-user.target.wants/$EDGE_UNIT"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  systemctl daemon-reload
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  case $(getent passwd pulumi-jail-edge || true) in
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    *:"pulumi-jail edge":*) userdel pulumi-jail-edge ;;
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  esac
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  rm -rf -- "$EDGE"/.candidate.*
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  [ ! -d "$EDGE/configuration" ] || remove_tree "$EDGE/configuration"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  step_generation_remove "$EDGE/haproxy"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  # The fragment goes last: what was cut off before is still somebody's, who finishes it.
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  rm -f -- "$EDGE/mappings/$1.json"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  for edge_part in "$EDGE/haproxy" "$EDGE/mappings" "$EDGE"; do
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return    [ ! -d "$edge_part" ] || rmdir --ignore-fail-on-non-empty -- "$edge_part"
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return  done
  mkdir -p -- "$EDGE/mappings" "$EDGE/configuration" && chmod 0755 -- "$EDGE/configuration" || return}
