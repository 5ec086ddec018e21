# shellcheck shell=sh
# ask_edge PORT: lines `KEY WORDS..`, texts in base64, `-` for what is not there (provider/port-mapping/observe.ts).
ask_edge() {
  edge_tries=0
  while :; do
    edge_seen=$(edge_guard)
    edge_texts=$(edge_tell_texts)
    # A fragment that was written meanwhile would not fit to the guard.
    [ "$(edge_guard)" != "$edge_seen" ] || break
    edge_tries=$((edge_tries + 1))
    [ "$edge_tries" -lt 20 ] || die 1 "the mappings of this edge change faster than they can be read"
  done
  printf 'guard %s\n' "$edge_seen"
  printf '%s\n' "$edge_texts"
  edge_observe_proxy
  sed -s -n '1{/^# pulumi-jail: mapping /p}' "$EDGE"/forwards/*.rules 2>/dev/null || true
  printf 'show %s\n' "$(printf '%s' "$edge_show" | base64 -w 0)"
  edge_user=$(getent passwd pulumi-jail-edge || true)
  printf 'user %s\n' "$(printf '%s' "${edge_user:--}" | base64 -w 0)"
  ss -Hltnp "sport = :$1" | perl -ane 'print "listener ", (/users:\(\("([^" ]*)",pid=(\d+)/ ? "$2 $1" : "0 kernel"), " $F[3]\n"'
  printf '%s\n' "$edge_proxy"
}

# edge_observe_proxy: sets edge_show and edge_proxy. While HAProxy starts, reloads or comes back after a death, what it says
# fits no state that lasts: it is asked again, within seconds. What lasts longer is told as it is.
edge_observe_proxy() {
  edge_until=$(($(uptime_seconds) + 10))
  while :; do
    edge_show=$(edge_show_unit)
    edge_proxy=
    case $edge_show in
      *ActiveState=active* | *ActiveState=reloading*) edge_proxy=$(edge_tell_proxy) ;;
    esac
    ! edge_is_settled || return 0
    [ "$(uptime_seconds)" -lt "$edge_until" ] || return 0
    sleep 0.1
  done
}

edge_show_unit() {
  systemctl show --property=LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID -- "$EDGE_UNIT"
}

# edge_is_settled: it neither comes nor goes, answered if it runs, and is in the same life as before it was asked.
edge_is_settled() {
  case $edge_show in
    *ActiveState=activating* | *ActiveState=deactivating* | *ActiveState=reloading*) return 1 ;;
    *ActiveState=active*) ;;
    *) return 0 ;;
  esac
  case $edge_proxy in
    *"info -"* | *"servers -"*) return 1 ;;
  esac
  [ "$(edge_show_unit)" = "$edge_show" ]
}

edge_tell_texts() {
  for edge_told in $(edge_fragments); do
    edge_name=${edge_told##*/}
    printf 'fragment %s %s %s\n' "${edge_name%.json}" "$(stat -c %a:%U:%G -- "$edge_told")" "$(base64 -w 0 <"$edge_told")"
  done
  edge_tell_file configuration "$EDGE/configuration/haproxy.cfg"
  for edge_told in "$EDGE/configuration/certificates"/* "$EDGE/configuration/certificates"/.[!.]*; do
    if [ ! -e "$edge_told" ] && [ ! -L "$edge_told" ]; then continue; fi
    edge_sum=-
    if [ -f "$edge_told" ] && [ ! -L "$edge_told" ]; then edge_sum=$(sha256sum <"$edge_told"); fi
    printf 'certificate %s %s %s\n' "${edge_told##*/}" "$(stat -c %a:%U:%G -- "$edge_told")" "${edge_sum%% *}"
  done
  edge_tell_file unit "/etc/systemd/system/$EDGE_UNIT"
}

# edge_tell_file KEY PATH
edge_tell_file() {
  if [ -e "$2" ] || [ -L "$2" ]; then
    printf '%s %s %s\n' "$1" "$(stat -c %a:%U:%G -- "$2")" "$(base64 -w 0 <"$2")"
  else
    printf '%s - -\n' "$1"
  fi
}

edge_tell_proxy() {
  edge_main=$(printf '%s\n' "$edge_show" | sed -n 's/^MainPID=//p')
  # The master and its workers, as the kernel sees them: root, uid, capabilities, no new privileges, seccomp.
  perl -e '
    my $main = shift;
    for my $dir (glob "/proc/[0-9]*") {
      open my $in, "<", "$dir/status" or next;
      my %is = map { /^(\w+):\s+(.*)/ ? ($1, $2) : () } <$in>;
      my ($pid) = $dir =~ /(\d+)$/;
      next unless $pid == $main || ($is{PPid} // 0) == $main;
      my @root = stat "$dir/root/." or next;
      my ($uid) = split /\s+/, $is{Uid};
      print "process $pid $root[0]:$root[1] $uid $is{CapEff} $is{NoNewPrivs} $is{Seccomp}\n";
    }
  ' -- "$edge_main"
  edge_tree=$(sed -n 's/^RootDirectory=//p' "/etc/systemd/system/$EDGE_UNIT" 2>/dev/null || true)
  printf 'sees %s %s\n' "$(stat -c %d:%i -- "/proc/$edge_main/root$EDGE/configuration/." 2>/dev/null || echo -)" "$(stat -c %d:%i -- "$EDGE/configuration/." 2>/dev/null || echo -)"
  printf 'tree %s\n' "$(stat -c %d:%i -- "${edge_tree:-/nowhere}/." 2>/dev/null || echo -)"
  edge_info=$(edge_answer 'show info' 'Name: HAProxy')
  printf 'info %s\n' "$edge_info"
  [ "$edge_info" = - ] || edge_servers=$(edge_answer 'show servers state' '# be_id ')
  printf 'servers %s\n' "${edge_servers:--}"
  edge_tell_served
}

# edge_tell_served: `served PATH SHA1` of each certificate that the running proxy has.
edge_tell_served() {
  find "$EDGE/configuration/certificates" -name '*.pem' ! -name '*.ca.pem' -printf 'show ssl cert %p\n' 2>/dev/null >"$SPOOL/pems" || true
  [ -s "$SPOOL/pems" ] || return 0
  edge_talk "$EDGE_RUN/admin.sock" 5 <"$SPOOL/pems" 2>/dev/null |
    perl -ne '$file = $1 if /^Filename: (\S+)/; print "served $file $1\n" if /^SHA1 FingerPrint: (\S+)/' || true
}

# edge_answer COMMAND MARK: the answer in base64, or `-` where none comes that bears the mark.
edge_answer() {
  edge_said=$(echo "$1" | edge_talk "$EDGE_RUN/admin.sock" 5 2>/dev/null || true)
  case $edge_said in
    *"$2"*) printf '%s\n' "$edge_said" | base64 -w 0 ;;
    *) printf '%s' - ;;
  esac
}

# ask_edge_exposure: the score of systemd-analyze(1) security, or nothing.
ask_edge_exposure() {
  [ -e "/etc/systemd/system/$EDGE_UNIT" ] || return 0
  systemd-analyze security --no-pager -- "$EDGE_UNIT" 2>/dev/null | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p'
}

# ask_edge_jail: the digest of the proxy's jail, then `stale PACKAGE COUNT WAS IS` for each package that apt has newer, then
# what ask_generation says of it; nothing where there is none. The
# unit decides which one it is; where it says nothing, any that is there will do.
ask_edge_jail() {
  edge_digest=$(sed -n 's|^RootDirectory=.*/haproxy/generations/\([0-9a-f]\{16\}\)$|\1|p' "/etc/systemd/system/$EDGE_UNIT" 2>/dev/null || true)
  if [ ! -d "$EDGE/haproxy/generations/${edge_digest:--}" ]; then
    edge_digest=$(find "$EDGE/haproxy/generations" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*' 2>/dev/null | sed -n 's|.*/\([0-9a-f]\{16\}\)$|\1|p' | sort | head -n 1)
  fi
  [ -n "$edge_digest" ] || return 0
  printf '%s\n' "$edge_digest"
  perl -e "$(generation_look_source)$(candidates_source)"'
    print join(" ", "stale", @$_), "\n" for stale("", text_of($ARGV[0]));
  ' -- "$EDGE/haproxy/generations/$edge_digest.host"
  ask_generation "$EDGE/haproxy" "$edge_digest"
}
