# shellcheck shell=sh
# What the owner of a jail wants made in its build root before anything is traced, such as a run-time of just the modules
# that a program uses: its tools stay in the build root, only what the service touches of it gets into the jail.

PREPARE=.pulumi-jail-prepare

# prepare_build_root DIRECTORY: runs the script that was laid into the build root, if any, and takes it away again. As an
# installation is run: what it starts ends with it, and what it mounts nobody else sees.
prepare_build_root() {
  [ -f "$1/root/$PREPARE" ] || return 0
  prepare_code=0
  enter_build_root "$1/root" "$(prepare_script)" "/$PREPARE" >"$1/prepare.log" 2>&1 || prepare_code=$?
  rm -f -- "$1/root/$PREPARE"
  [ "$prepare_code" != 0 ] || return 0
  tail -n 25 "$1/prepare.log" >&2
  die 4 "prepare failed in the build root with exit code $prepare_code"
}

prepare_script() {
  cat <<'SCRIPT'
in_root /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  /bin/sh -eu "$1"
SCRIPT
}
