# shellcheck shell=sh
# A build root is the host's own root, or the tree of a suite, with packages added in an overlay: what is below stays as
# it is. `root` is what jails are assembled from; the unit is traced in a second overlay on top, so `root` stays pristine
# (a data directory that a daemon has started in is no seed any more). Both are mounted in the host's mount namespace, as
# PID 1 must see them for RootDirectory=.

# step_sweep_build_roots ID: removes what killed runs left: roots of an earlier boot, those whose jail is not being built.
step_sweep_build_roots() {
  for swept in "$STATE"/build/*; do
    if [ ! -d "$swept" ] || [ "${swept##*/}" = "$1" ]; then continue; fi
    # Another plan may just now be making it.
    if [ ! -f "$swept/opened" ] && [ -n "$(find "$swept" -maxdepth 0 -mmin -120)" ]; then continue; fi
    if [ "$(sed -n 1p "$swept/opened" 2>/dev/null)" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then
      # Between two plans nobody holds the lock, so only an old one that nobody holds is a leftover.
      [ -z "$(find "$swept/opened" -mmin -120)" ] || continue
      swept_lock=$(sed -n 2p "$swept/opened")
      if [ "$swept_lock" != "${lock:-}" ] && [ -e "$RUN/locks/$swept_lock" ]; then
        flock -n "$RUN/locks/$swept_lock" true || continue
      fi
    fi
    remove_build_root "$swept"
  done
}

# step_open_build_root ID LOCK TRACER[yes|no] KEY|- SUITE|- MIRROR|- SNAPSHOT|- WORD..: `PACKAGE`, `PACKAGE=VERSION`, or
# `+PACKAGE`, which is only brought up to date if it is there. The content holds the declared files, see lay_files.
step_open_build_root() {
  build=$STATE/build/$1
  build_lock=$2
  build_tracer=$3
  build_suite=$4
  refuse_symlinks "$build"
  remove_build_root "$build"
  for build_part in /etc /usr /var /var/lib /var/lib/dpkg; do
    [ "$build_suite" != - ] || [ "$(stat -c %d "$build_part")" = "$(stat -c %d /)" ] ||
      die 4 "$build_part is on a file system of its own; a build root needs it on that of /"
  done
  make_path "$build/root" "$build/trace" "$build/log" "$build/layers"
  # Whole or not at all: an empty one is a leftover of an earlier boot to another plan that sweeps just now.
  { cat /proc/sys/kernel/random/boot_id && printf '%s\n' "$build_lock" | tr / .; } >"$build/opened.new"
  mv -- "$build/opened.new" "$build/opened"
  # An overlay can't have an overlay as its upper directory.
  if [ "$(stat -f -c %T -- "$build")" = overlayfs ]; then
    mount -t tmpfs -o mode=0700 pulumi-jail-build "$build/layers"
  fi
  mkdir -- "$build/layers/upper"
  chmod 0755 "$build/layers/upper"
  build_lower=/
  if [ "$build_suite" != - ]; then
    hold_suite "$4" "$5" "$6" "$7"
    build_lower=$STATE/suites/$build_suite/tree
  fi
  shift 7
  printf '%s\n' "$build_lower" >"$build/lower"
  printf '%s\n' "$build_suite" >"$build/suite"
  printf '%s\n' "$@" >"$build/packages"
  mount_overlay "$build_lower" upper work "$build/root"
  if [ "$build_tracer" = yes ] && [ ! -x "$build/root/usr/bin/strace" ]; then set -- "$@" strace; fi
  # Names of ports and protocols: on every host but the smallest, so that no package asks for them.
  if [ $# -gt 0 ] && [ ! -e "$build/root/etc/services" ]; then set -- "$@" netbase; fi
  if [ $# -gt 0 ] || [ "$build_suite" != - ]; then install_packages "$@"; fi
  lay_files
  prepare_build_root "$build"
  mount -o remount,ro "$build/root"
}

# step_close_build_root ID
step_close_build_root() {
  refuse_symlinks "$STATE/build/$1"
  remove_build_root "$STATE/build/$1"
  rmdir -- "$STATE/build" 2>/dev/null || true
}

# mount_overlay LOWER UPPER WORK TARGET: volatile, as nothing of it has to survive a crash and dpkg syncs each file. A
# mount that fails may leave its mark in the working directory, which would refuse the next.
mount_overlay() {
  for overlay_kind in ,volatile ''; do
    rm -rf -- "$build/layers/$3"
    mkdir -- "$build/layers/$3"
    overlay_options=lowerdir=$1,upperdir=$build/layers/$2,workdir=$build/layers/$3$overlay_kind
    overlay_error=$(mount -t overlay -o "$overlay_options" pulumi-jail-build "$4" 2>&1) && return
  done
  printf '%s\n' "$overlay_error" >&2
  return 1
}

# install_packages WORD..: as step_open_build_root has them. Recommended packages are left out: a jail holds what its
# owner named and what that depends on. Package lists are refreshed in the build root only.
install_packages() {
  enter_build_root "$build/root" "$(install_script)" "$build_suite" "$@" >"$build/apt.log" 2>&1 && return
  tell_apt_failure "$build/apt.log" >&2
  exit 1
}

# tell_apt_failure LOG: where apt itself says all, its errors alone; what a maintainer script said is above its last lines.
tell_apt_failure() {
  if grep '^E: ' "$1" | grep -qE '^E: (Unable to locate package|Version .* was not found|Package .* has no installation candidate|Release file for .* (is expired|is not valid yet))'; then
    grep '^E: ' "$1" | awk '!seen[$0]++'
  else
    tail -n 25 "$1"
  fi
  ! grep -q '^E: Release file for .* is expired' "$1" ||
    echo "the host's clock says $(date -u +%Y-%m-%d); what a mirror had on a day is taken by source.snapshot, whatever its age"
}

# enter_build_root ROOT SCRIPT ARG..: in a mount and PID namespace of its own, which ends every process that a maintainer
# script left. No /sys and an empty /run, so that scripts see no systemd, no AppArmor and no udev to talk to (they would
# talk to the host's), and policy-rc.d 101 for those which start their service anyway. What the host's own apt is told
# about its way to mirrors holds in a suite as well.
enter_build_root() {
  enter_root=$1
  enter_then=$2
  shift 2
  unshare --mount --pid --fork --kill-child --propagation private -- /bin/sh -c "$(enter_script)
$enter_then" sh "$enter_root" "$@"
}

enter_script() {
  cat <<'SCRIPT'
set -eu
umask 022
root=$1
shift
resolver=$(readlink -f /etc/resolv.conf || true)
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mkdir -m 1777 "$root/run/lock"
case $resolver in
  /run/*) mkdir -p "$root${resolver%/*}" && cp -- "$resolver" "$root$resolver" ;;
esac
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
trap 'rm -f -- "$root/usr/sbin/policy-rc.d"' EXIT
eval "$(apt-config shell proxy Acquire::http::Proxy tls_proxy Acquire::https::Proxy valid Acquire::Check-Valid-Until)"
[ -z "${proxy:-}" ] || export http_proxy="$proxy"
[ -z "${tls_proxy:-}" ] || export https_proxy="$tls_proxy"
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C
in_root() { chroot "$root" "$@"; }
SCRIPT
}

# What is there already is not brought up to date by an installation of what needs it, so that is done besides: in a suite
# all of it, else what PACKAGE.. depend on and what `+` names, but not what is held back. The host's own kernel and boot
# loader never are.
install_script() {
  cat <<'SCRIPT'
suite=$1
shift
if [ "$suite" != - ]; then
  rm -f -- "$root/etc/resolv.conf"
  cat /etc/resolv.conf >"$root/etc/resolv.conf"
fi
get="apt-get -q -y --no-install-recommends --allow-downgrades --allow-change-held-packages -o Dpkg::Use-Pty=0
  -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-unsafe-io -o APT::Keep-Downloaded-Packages=false"
in_root apt-get -q -o Acquire::Languages=none ${valid:+-o "Acquire::Check-Valid-Until=$valid"} update ||
  echo "apt-get update failed, going on with the lists at hand"
wanted= renewed=
for word; do
  case $word in
    +*) renewed="$renewed ${word#+}" ;;
    *) wanted="$wanted $word" ;;
  esac
done
newer() { in_root apt-get -q -s upgrade --with-new-pkgs | sed -n 's/^Inst \([^ ]*\) \[.*/\1/p' | sort -u; }
if [ "$suite" != - ]; then in_root $get dist-upgrade; fi
[ -z "$wanted" ] || in_root $get install -- $wanted
for word in $wanted; do
  case $word in *=*) in_root apt-mark -q hold "${word%%=*}" ;; esac
done
if [ "$suite" = - ] && [ -n "$wanted$renewed" ] && [ -n "$(newer)" ]; then
  near=$(for word in $wanted; do echo "${word%%=*}"; done)
  near=$(
    in_root apt-cache depends --recurse --installed --no-recommends --no-suggests --no-enhances --no-conflicts --no-breaks \
      --no-replaces $near | sed -n 's/^\([a-z0-9][^ ]*\)$/\1/p'
    printf '%s\n' $renewed
  )
  near=$(newer | grep -xF "$near" || true)
  [ -z "$near" ] || in_root $get install --only-upgrade -- $near
fi
SCRIPT
}

# The content: for each file a line `MODE OWNER[:GROUP] LENGTH PATH`, then that many bytes and a newline. Written from
# inside the build root, so that a link there can't lead out of it.
lay_files() {
  [ -s "$CONTENT" ] || return 0
  # shellcheck disable=SC2016 # perl's own variables
  chroot "$build/root" /usr/bin/perl -e '
    use strict; use Fcntl;
    binmode STDIN; umask 022;
    while (defined(my $header = <STDIN>)) {
      my ($mode, $owner, $length, $path) = $header =~ m{^([0-7]+) (\S+) (\d+) (/.*)\n\z} or die "bad header of a file\n";
      read(STDIN, my $bytes, $length) == $length or die "$path is cut short\n"; read STDIN, my $end, 1;
      my ($user, $group) = split /:/, $owner;
      my @user = getpwnam $user or die "$path: the packages bring no user $user\n";
      my $gid = defined $group ? getgrnam $group : $user[3];
      defined $gid or die "$path: the packages bring no group $group\n";
      my $above = "";
      for my $part (grep length, split m{/}, $path =~ s{/[^/]*$}{}r) {
        $above .= "/$part";
        -d $above or mkdir $above, 0755 or die "cannot make $above: $!\n";
      }
      -l $path || -f _ and unlink $path;
      sysopen my $out, $path, O_WRONLY | O_CREAT | O_EXCL, 0600 or die "cannot write $path: $!\n";
      print $out $bytes or die "cannot write $path: $!\n";
      chown $user[2], $gid, $out; chmod oct($mode) & 0777, $out;
      close $out or die "cannot write $path: $!\n";
    }
  ' <"$CONTENT"
}

# remove_build_root DIRECTORY: ends its traced and tried units, unmounts all below it, and deletes only what has no mount below it.
remove_build_root() {
  remove_trace_unit "${1##*/}"
  remove_trial_unit "${1##*/}"
  [ -e "$1" ] || return 0
  unmount_below "$1"
  rm -rf --one-file-system -- "$1"
}

# unmount_below DIRECTORY: the deepest first; dies when something stays mounted, as a delete would go through it.
unmount_below() {
  unmount_errors=$(perl -e '
    my $below = shift;
    for my $try (1 .. 50) {
      open my $in, "<", "/proc/self/mountinfo" or die "cannot read mountinfo: $!\n";
      my @mounts = map { my $path = (split / /)[4]; $path =~ s/\\([0-7]{3})/chr oct $1/ge; $path } <$in>;
      @mounts = grep { index("$_/", "$below/") == 0 } @mounts or exit 0;
      system "umount", "--", $_ for reverse @mounts;
      select undef, undef, undef, 0.1;
      system "umount", "-l", "--", $_ for $try == 20 ? reverse @mounts : ();
    }
    die "cannot unmount what lies below $below\n";
  ' "$1" 2>&1) || die 1 "$unmount_errors"
}
