# shellcheck shell=sh
# Applies a plan under its lock. The operation's record is in /run: a reboot sweeps it, and it says what became of an
# operation whose connection was cut: the same request sent again with the same id waits for the first one and replays
# its outcome instead of running anything twice.
main_apply() {
  open_request
  IFS= read -r operation <&5
  IFS= read -r lock <&5
  IFS= read -r URN <&5
  IFS= read -r deadline <&5
  IFS= read -r expected_boot <&5
  IFS= read -r steps <&5
  IFS= read -r boot </proc/sys/kernel/random/boot_id
  if [ "$expected_boot" != - ] && [ "$expected_boot" != "$boot" ]; then
    frame rebooted "$boot"
    exit 0
  fi
  record=$RUN/operations/$operation
  if claim_record; then
    frame begun "$boot" || { rm -rf -- "$record" && exit 74; }
    run_plan
  else
    frame resumed "$boot"
    await_record
  fi
  tell_outcome
}

# The record appears whole and with its guard locked, or not at all: a second request can't overtake the first one.
claim_record() {
  mkdir -- "$SPOOL/record"
  exec 7>"$SPOOL/record/guard"
  flock -n 7
  printf '%s\n' "$URN" >"$SPOOL/record/urn"
  printf '%s\n' "$boot" >"$SPOOL/record/boot"
  claim_tries=0
  while [ "$claim_tries" -lt 100 ]; do
    claim_tries=$((claim_tries + 1))
    mkdir -p -- "$RUN/operations" 2>/dev/null || continue
    mv -T -- "$SPOOL/record" "$record" 2>/dev/null && return 0
    [ ! -d "$record" ] || return 1
  done
  exit 73
}

await_record() {
  exec 7<>"$record/guard"
  flock -w "$((deadline + 60))" 7 || { frame lost "it still runs" && exit 0; }
  [ -f "$record/result" ] || { frame lost "its process was killed on the host in step $(cat -- "$record/step" 2>/dev/null)" && exit 0; }
}

run_plan() {
  sweep_records
  lock_wait=$deadline
  [ "$lock_wait" -lt 300 ] || lock_wait=300
  if ! take_lock "$lock" 9 0; then
    frame waiting "$(lock_holder "$lock")"
    if ! take_lock "$lock" 9 "$lock_wait"; then
      finish "locked $(lock_holder "$lock")"
      return
    fi
    # A plan whose owner went away while it waited must not run: what it was made from may have changed since.
    sleep 0.05
    frame locked-in "" || { rm -rf -- "$record" && exit 74; }
  fi
  # shellcheck disable=SC2034 # read by with_host_lock
  [ "$lock" != host ] || HOST_LOCKED=1
  start_watchdog
  step=0
  while [ "$step" -lt "$steps" ]; do
    next_item run_step
    step_code=$?
    if [ "$step_code" != 0 ]; then
      tail -c 65536 "$record/err" >"$record/stderr"
      finish "failed $step $step_code $(kind_of_failure "$step_code")"
      break
    fi
    step=$((step + 1))
  done
  [ "$step" -lt "$steps" ] || finish "done"
  kill "$watchdog" 2>/dev/null
  rm -f -- "$RUN/locks/$lock"
  exec 9>&-
}

run_step() {
  step_function=step_$1
  shift
  frame "step:$step" ""
  printf '%s\n' "$step" >"$record/step"
  (
    trap - PIPE HUP INT TERM EXIT
    exec 3<&- 4>&- 5<&-
    set -e
    "$step_function" "$@"
  ) >"$record/out.$step" 2>"$record/err"
}

finish() { printf '%s\n' "$1" >"$record/result.new" && mv -- "$record/result.new" "$record/result"; }

kind_of_failure() {
  [ ! -f "$record/expired" ] || { echo timeout && return; }
  case $1 in
    3) echo foreign && return ;;
    4) echo discovery && return ;;
    28) echo disk-full && return ;;
    30) echo read-only && return ;;
    75) echo locked && return ;;
  esac
  for blamed in "$STATE" /etc/systemd/system; do
    (blame_disk "$blamed") 2>/dev/null
    case $? in
      28) echo disk-full && return ;;
      30) echo read-only && return ;;
    esac
  done
  echo step
}

tell_outcome() {
  IFS= read -r result <"$record/result"
  for output in "$record"/out.*; do
    [ ! -s "$output" ] || frame_file "output:${output##*/out.}" "$output"
  done
  case $result in
    "done") frame "done" "" ;;
    locked*) frame locked "${result#locked }" ;;
    failed*)
      # shellcheck disable=SC2086 # four words
      set -- $result
      frame_file "failed:$2:$3:$4" "$record/stderr"
      ;;
  esac
  # Once the other end says that it knows, the record has served; else it stays for the next connection to ask.
  if [ "$(timeout 30 head -c 3 <&3)" = ack ]; then
    rm -rf -- "$record"
    [ ! -e "$RUN/locks/host" ] || flock -n "$RUN/locks/host" rm -f -- "$RUN/locks/host"
    rmdir -- "$RUN/operations" "$RUN/locks" "$RUN" 2>/dev/null
  fi
}

# A finished record is of no use once its owner is back with another plan, or has not asked for it for long. (Its client
# asks within seconds; and one stack never runs twice at a time.)
sweep_records() {
  find "$RUN/operations" -mindepth 1 -maxdepth 1 2>/dev/null | while read -r old; do
    read -r old_urn 2>/dev/null <"$old/urn" || continue
    if [ "$old" != "$record" ] && { [ "$old_urn" = "$URN" ] || [ -n "$(find "$old" -maxdepth 0 -mmin +30)" ]; }; then
      flock -n "$old/guard" rm -rf -- "$old"
    fi
  done
  find /run -maxdepth 1 -name "pulumi-jail-request.*" -mmin +1440 -exec rm -rf -- {} +
}

# Ends the step that runs when the plan's time is up, with all its descendants, and says so in the record.
start_watchdog() {
  perl -e '
    my ($seconds, $record) = @ARGV; my $main = getppid;
    sleep $seconds; exit if getppid != $main;
    open my $mark, ">", "$record/expired"; close $mark;
    for my $signal ("TERM", "KILL") {
      my %children;
      for my $stat (glob "/proc/[0-9]*/stat") {
        open my $in, "<", $stat or next;
        push @{$children{$2}}, $1 if (readline($in) // "") =~ /^(\d+) \(.*\) \S (\d+)/s;
      }
      my @tree = grep { $_ != $$ } @{$children{$main} // []};
      for (my $i = 0; $i < @tree; $i++) { push @tree, @{$children{$tree[$i]} // []} }
      kill $signal, @tree;
      sleep 5; exit if getppid != $main;
    }
  ' "$deadline" "$record" 3<&- 4>&- 5<&- 7>&- 9>&- >/dev/null 2>&1 &
  watchdog=$!
}
