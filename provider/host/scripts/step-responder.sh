# shellcheck shell=sh
# The responder of a host comes with the first service that has ports and goes with the last service. No process of it stays.

# step_responder_files SERVICE: CONTENT is its program and units, as service-files takes them.
step_responder_files() { with_host_lock responder_files "$@"; }

responder_files() {
  [ ! -L "$RESPONDER" ] || die 3 "$RESPONDER is a symbolic link, which is not of our making"
  (umask 022 && mkdir -p -- "$RESPONDER")
  chown root:root -- "$RESPONDER" && chmod 0755 -- "$RESPONDER"
  for responder_base in /etc/systemd/system /run/systemd/system /etc/systemd/system.control; do
    for responder_dropin in "$responder_base"/pulumi-jail-responder@*.d; do
      [ ! -d "$responder_dropin" ] || [ -L "$responder_dropin" ] || rm -rf -- "$responder_dropin"
    done
  done
  step_service_files "$1"
}

# step_responder_up PORT ADDRESS..: listens there and after each reboot; what listened at another port ends.
step_responder_up() { with_host_lock responder_up "$@"; }

responder_up() {
  responder_port=$1
  shift
  responder_publish
  for responder_link in /etc/systemd/system/sockets.target.wants/pulumi-jail-responder@*.socket; do
    case $responder_link in
      *":$responder_port.socket" | *'@*.socket') ;;
      *)
        systemctl stop -- "${responder_link##*/}"
        rm -f -- "$responder_link"
        ;;
    esac
  done
  for responder_address in "$@"; do
    responder_unit=pulumi-jail-responder@$responder_address:$responder_port.socket
    systemctl --quiet --no-reload enable -- "$responder_unit"
    systemctl restart -- "$responder_unit" || tell_log "$responder_unit"
  done
}

# step_responder_drain SERVICE VALID SLOT SECONDS PORT..: every edge that asks is told to send nobody new, for VALID seconds at
# most. When one has asked lately it has heard of it after its two seconds; then what is under way ends.
step_responder_drain() {
  [ -d "$RESPONDER" ] || return 0
  (umask 022 && mkdir -p -- "$DRAINING")
  echo $(($(uptime_seconds) + $2)) | atomic_write "$DRAINING/$1" 0644 root:root
  responder_asked=$(find "/run/pulumi-jail-responder/asked-$1" -newermt '10 seconds ago' 2>/dev/null || true)
  [ -n "$responder_asked" ] || return 0
  sleep 2.5
  responder_service=$1
  shift 2
  step_service_drain "$responder_service" "$@"
}

# step_responder_ready SERVICE
step_responder_ready() {
  rm -f -- "$DRAINING/$1"
  rmdir -- "$DRAINING" 2>/dev/null || true
}

# responder_forget: all of it.
responder_forget() {
  systemctl stop -- 'pulumi-jail-responder@*.socket' 'pulumi-jail-responder@*.service' 2>/dev/null || true
  rm -f -- /etc/systemd/system/sockets.target.wants/pulumi-jail-responder@*.socket /etc/systemd/system/pulumi-jail-responder@.socket /etc/systemd/system/pulumi-jail-responder@.service
  rmdir -- /etc/systemd/system/sockets.target.wants 2>/dev/null || true
  rm -rf -- "$RESPONDER" /run/pulumi-jail-responder "$DRAINING"
  systemctl reset-failed -- 'pulumi-jail-responder@*' 2>/dev/null || true
}
