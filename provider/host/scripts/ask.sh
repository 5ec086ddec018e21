# shellcheck shell=sh
# Answers questions: writes nothing but its private directory in /run, takes no lock.
main_ask() {
  open_request
  IFS= read -r questions <&5
  frame hello "" || exit 74
  question=0
  while [ "$question" -lt "$questions" ]; do
    next_item answer # never in a condition: that would switch off `set -e` in the question
    item_code=$?
    [ "$item_code" = 0 ] || exit "$item_code"
    question=$((question + 1))
  done
  frame "done" ""
}

answer() {
  question_function=ask_$1
  shift
  (
    trap - PIPE HUP INT TERM EXIT
    exec 3<&- 4>&- 5<&-
    set -e
    refuse_read_only
    "$question_function" "$@"
  ) >"$SPOOL/out" 2>"$SPOOL/err"
  question_code=$?
  if [ "$question_code" = 0 ]; then
    frame_file "answer:$question" "$SPOOL/out"
  else
    tail -c 65536 "$SPOOL/err" >"$SPOOL/tail"
    frame_file "failed:$question:$question_code" "$SPOOL/tail"
  fi
}

# A file system that went read-only is how Linux shows a failing disk (mount(8), errors=remount-ro): what is read from it
# is no ground for calling anything as it should be, or gone.
refuse_read_only() {
  [ ! -d "$STATE" ] || [ -w "$STATE" ] || die 30 "the file system of $STATE is read-only"
}
