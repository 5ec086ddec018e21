# shellcheck shell=sh
# A suite is the base system of another release, bootstrapped once per host into suites/KEY/tree. It is immutable: build
# roots of jails with that source have it as their lower directory in place of the host's own root. suites/KEY/about says
# what it is.

# Its packages change: a tree that is older is bootstrapped anew, so that build roots have less to bring up to date.
SUITE_DAYS=30

# hold_suite KEY SUITE MIRROR|- SNAPSHOT|-: there is such a tree, and nobody removes it as long as $build is there. Two
# jails at once bootstrap it once.
hold_suite() {
  (
    # shellcheck disable=SC2034 # used in the trap
    suite_lock=$RUN/locks/suite-$1
    take_lock "suite-$1" 8 900 || die 75 "suite $2 is locked by $(lock_holder "suite-$1")"
    trap 'rm -f -- "$suite_lock"' EXIT
    refuse_symlinks "$STATE/suites/$1"
    # shellcheck disable=SC2154 # of the step that calls
    printf '%s\n' "$1" >"$build/suite"
    suite_wanted=$(suite_name "$2")
    if suite_is_old "$1" "$4" "$suite_wanted" || [ ! -d "$STATE/suites/$1/tree" ]; then bootstrap_suite "$1" "$suite_wanted" "$3" "$4"; fi
  )
}

# suite_name SUITE: `host` is the release of this host.
suite_name() {
  if [ "$1" = host ]; then
    suite_named=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
    [ -n "$suite_named" ] || die 4 "/etc/os-release of this host names no release"
    printf '%s\n' "$suite_named"
  else
    printf '%s\n' "$1"
  fi
}

# suite_is_old KEY SNAPSHOT|- SUITE: never while another build root uses it; a snapshot never is. The host may have been
# brought to another release.
suite_is_old() {
  [ "$2" = - ] || return 1
  if grep -qsF -- "suite $3 of " "$STATE/suites/$1/about"; then
    [ -n "$(find "$STATE/suites/$1/about" -mtime "+$SUITE_DAYS")" ] || return 1
  fi
  for suite_user in "$STATE"/build/*/suite; do
    [ "$suite_user" = "$build/suite" ] || ! grep -qsxF -- "$1" "$suite_user" || return 1
  done
}

# bootstrap_suite KEY SUITE MIRROR|- SNAPSHOT|-: debootstrap runs in an overlay of the host, which has it in the end as
# little as before; it checks the signature of the release by the keys of the host (--force-check-gpg: it would go on
# without a keyring).
bootstrap_suite() {
  suite_new=$STATE/suites/.$1.new
  suite_mirror=$(suite_mirror "$3" "$4")
  remove_tree "$suite_new"
  make_path "$suite_new/tree" "$build/layers/bootstrap" "$build/bootstrap"
  chmod 0755 "$suite_new/tree" "$build/layers/bootstrap"
  mount_overlay / bootstrap bootstrap-work "$build/bootstrap"
  suite_code=0
  enter_build_root "$build/bootstrap" "$(bootstrap_script)" \
    "$suite_new/tree" "$2" "$suite_mirror" "$(suite_security "$3" "$suite_mirror")" "$4" >"$build/bootstrap.log" 2>&1 || suite_code=$?
  unmount_below "$build/bootstrap"
  rm -rf -- "$build/layers/bootstrap" "$build/layers/bootstrap-work"
  if [ "$suite_code" != 0 ]; then
    printf 'suite %s could not be bootstrapped from %s:\n' "$2" "$suite_mirror" >&2
    { grep '^[EW]: ' "$build/bootstrap.log" || tail -n 15 "$build/bootstrap.log"; } | tail -n 15 >&2
    blame_disk "$suite_new"
    remove_tree "$suite_new"
    rmdir -- "$STATE/suites" 2>/dev/null || true
    exit 1
  fi
  printf 'suite %s of %s, bootstrapped for jails\n' "$2" "$suite_mirror" >"$suite_new/about"
  sync -f "$suite_new"
  remove_tree "$STATE/suites/$1"
  mv -T -- "$suite_new" "$STATE/suites/$1"
}

# suite_mirror MIRROR|- SNAPSHOT|-: a snapshot is an address or what takes the place of {snapshot}; else the one that the
# host's own apt uses, whatever the format of its sources.
suite_mirror() {
  case $2 in
    http*) printf '%s\n' "$2" && return ;;
  esac
  if [ "$1" != - ]; then
    case $1 in
      *"{snapshot}"*) printf '%s%s%s\n' "${1%%"{snapshot}"*}" "$2" "${1#*"{snapshot}"}" ;;
      *) printf '%s\n' "$1" ;;
    esac
    return
  fi
  suite_found=$(host_repositories | sed -n '/-security$/!s/ .*//p' | sed -n '1s,/*$,,p')
  [ -n "$suite_found" ] || die 4 "apt of this host knows no mirror by http; set source.mirror"
  printf '%s\n' "$suite_found"
}

# suite_security MIRROR|- THE-MIRROR: where the suite's security updates would be, if it has any.
suite_security() {
  suite_found=
  if [ "$1" = - ]; then suite_found=$(host_repositories | sed -n 's, [^ ]*-security$,,p' | sed -n '1s,/*$,,p'); fi
  [ -n "$suite_found" ] || suite_found=$(printf '%s\n' "$2" | sed -E 's,/debian(/|$),/debian-security\1,')
  printf '%s\n' "$suite_found"
}

host_repositories() {
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= indextargets --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' | grep '^https\?://' | sort -u
}

# In the overlay: ROOT TREE SUITE MIRROR SECURITY SNAPSHOT|-. An unknown suite is taken for one like Debian's own.
bootstrap_script() {
  cat <<'SCRIPT'
tree=$1 suite=$2 mirror=$3 security=$4 snapshot=$5
nl='
'
mkdir -p "$root/mnt"
mount --bind "$tree" "$root/mnt"
in_root apt-get -q -o Acquire::Languages=none update || echo "apt-get update failed, going on with the lists at hand"
install="apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io install"
in_root $install debootstrap wget
in_root $install debian-archive-keyring || true
# debootstrap says of an unknown suite, of a mirror that is elsewhere and of one that is away the same.
code=0
said=$(in_root wget --spider -nv --tries=2 --timeout=20 "$mirror/dists/$suite/InRelease" 2>&1) ||
  said=$(in_root wget --spider -nv --tries=2 --timeout=20 "$mirror/dists/$suite/Release" 2>&1) || code=$?
case $code in
  0) ;;
  8) echo "E: $mirror has no suite $suite: source.suite is a release's name, such as sid, and source.mirror the address above its dists/" && exit 1 ;;
  *) echo "E: $mirror does not answer this host (${said##*"$nl"}); set source.mirror to one that does, or set up apt's proxy on the host" && exit 1 ;;
esac
script=$suite
[ -e "$root/usr/share/debootstrap/scripts/$script" ] || script=sid
in_root debootstrap --variant=minbase --force-check-gpg "$suite" /mnt "$mirror" "$script"
option=
[ "$snapshot" = - ] || option="[check-valid-until=no] "
printf 'deb %s%s %s main\n' "$option" "$mirror" "$suite" >"$tree/sources"
for other in "$suite-updates $mirror" "$suite-security $security"; do
  code=0
  in_root wget -q --spider --tries=2 --timeout=20 "${other#* }/dists/${other%% *}/InRelease" || code=$?
  case $code in
    0) printf 'deb %s%s %s main\n' "$option" "${other#* }" "${other%% *}" >>"$tree/sources" ;;
    8) ;;
    *) echo "E: ${other#* } does not answer whether it has ${other%% *}" && exit "$code" ;;
  esac
done
rm -rf -- "$tree/etc/apt/sources.list.d"/*
mv -- "$tree/sources" "$tree/etc/apt/sources.list"
rm -rf -- "$tree/var/cache/apt/archives"/*.deb "$tree/var/log"/*.log "$tree/etc/hostname" "$tree/etc/resolv.conf" "$tree/etc/machine-id"
SCRIPT
}

# step_sweep_suites: removes those that no jail's record names and no build root uses. What is locked is in use.
step_sweep_suites() {
  for suite_kept in "$STATE"/suites/* "$STATE"/suites/.*.new; do
    [ -d "$suite_kept" ] || continue
    suite_key=${suite_kept##*/.}
    suite_key=${suite_key##*/}
    suite_key=${suite_key%.new}
    (
      take_lock "suite-$suite_key" 8 0 || exit 0
      trap 'rm -f -- "$RUN/locks/suite-$suite_key"' EXIT
      ! grep -qsxF -- "$suite_key" "$STATE"/build/*/suite || exit 0
      remove_tree "$STATE/suites/.$suite_key.new"
      ! grep -qsF -- "\"suite\":\"$suite_key\"" "$STATE"/jails/*/record.json || exit 0
      remove_tree "$STATE/suites/$suite_key"
      rm -rf -- "$RUN/suites/$suite_key"
    )
  done
  rmdir -- "$STATE/suites" "$RUN/suites" 2>/dev/null || true
}
