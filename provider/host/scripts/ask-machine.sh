# shellcheck shell=sh
# ask_machine: KEY=VALUE lines. The uplink is the interface and source address of the default route, which is only looked
# up, never used.
ask_machine() {
  printf 'machineId=%s\n' "$(cat /etc/machine-id)"
  printf 'bootId=%s\n' "$(cat /proc/sys/kernel/random/boot_id)"
  printf 'hostname=%s\n' "$(cat /proc/sys/kernel/hostname)"
  printf 'kernel=%s\n' "$(cat /proc/sys/kernel/osrelease)"
  printf 'architecture=%s\n' "$(uname -m)"
  printf 'systemdVersion=%s\n' "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
  printf 'codename=%s\n' "$(sed -n 's/^VERSION_CODENAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)"
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then echo aptAvailable=yes; else echo aptAvailable=no; fi
  ip -o addr show scope global | awk '{ sub("/.*", "", $4); print "address=" $2 " " $4 }'
  machine_route=$(ip -o route get 192.0.2.1 2>/dev/null || true)
  printf 'uplink=%s\n' "$(printf '%s\n' "$machine_route" | sed -n '1s/.* dev \([^ ]*\).*/\1/p')"
  printf 'uplinkAddress=%s\n' "$(printf '%s\n' "$machine_route" | sed -n '1s/.* src \([^ ]*\).*/\1/p')"
}
