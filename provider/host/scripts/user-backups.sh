# shellcheck shell=sh
# keep_user_backups COMMAND..: /etc/passwd- and its like are the administrator's last state, not ours.
keep_user_backups() {
  for backup in passwd group shadow gshadow; do
    [ ! -e "/etc/$backup-" ] || cp -a -- "/etc/$backup-" "$SPOOL/$backup-"
  done
  "$@" || return
  for backup in passwd group shadow gshadow; do
    if [ -e "$SPOOL/$backup-" ]; then cp -a -- "$SPOOL/$backup-" "/etc/$backup-"; else rm -f -- "/etc/$backup-"; fi
  done
}
