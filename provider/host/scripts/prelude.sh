# shellcheck shell=sh
# What every script on a host starts with. The session's stdin is fd 3, its stdout (the frames) fd 4, the spooled request
# fd 5; locks are fds 7 to 9. Questions and steps get none of 3 to 5: what they print goes to files first, so that it can
# be framed and so that a dead connection never blocks a step.
umask 077
set -u
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
unset IFS CDPATH ENV BASH_ENV
exec 3<&0 4>&1 </dev/null >&2

STATE=/var/lib/pulumi-jail
RUN=/run/pulumi-jail
SPOOL=
HOST_LOCKED=

# frame TAG TEXT: fails when nobody listens any more (with SIGPIPE ignored).
frame() { printf '%s %s %s\n%s\n' "$NONCE" "$1" "${#2}" "$2" >&4; }

# frame_file TAG FILE
frame_file() {
  printf '%s %s %s\n' "$NONCE" "$1" "$(stat -c %s -- "$2")" >&4 && cat -- "$2" >&4 && printf '\n' >&4
}

# A request is complete in a private directory before anything of it runs: a connection cut in its input runs nothing.
open_request() {
  if [ "$(id -u)" != 0 ]; then
    echo "this user is not root: set sudo" >&2
    exit 77
  fi
  trap 'close_request' EXIT
  trap '' PIPE HUP
  trap 'exit 143' INT TERM
  SPOOL=$(mktemp -d /run/pulumi-jail-request.XXXXXXXX) || exit 73
  IFS= read -r length <&3 || exit 74
  head -c "$length" <&3 >"$SPOOL/request" || exit 73
  [ "$(stat -c %s -- "$SPOOL/request")" = "$length" ] || exit 74
  exec 5<"$SPOOL/request"
  IFS= read -r NONCE <&5
}

close_request() { [ -z "$SPOOL" ] || rm -rf -- "$SPOOL"; }

# next_item FUNCTION: reads an item of the request and calls FUNCTION NAME ARGS..; its content is in $CONTENT.
next_item() {
  item_then=$1
  IFS=' ' read -r item_name item_args item_length <&5 || return 74
  set --
  while [ "$item_args" -gt 0 ]; do
    IFS= read -r item_arg <&5 || return 74
    set -- "$@" "$item_arg"
    item_args=$((item_args - 1))
  done
  CONTENT=/dev/null
  if [ "$item_length" != - ]; then
    CONTENT=$SPOOL/content
    rm -f -- "$CONTENT"
    head -c "$item_length" <&5 >"$CONTENT" || return 74
  fi
  "$item_then" "$item_name" "$@"
}


# die CODE WORDS: 3 foreign, 4 discovery, 28 disk full, 30 read-only, 75 locked (as in errno and sysexits).
die() {
  die_code=$1
  shift
  printf '%s\n' "$*" >&2
  exit "$die_code"
}

# make_path PATH..: as mkdir -p, while another plan may sweep an empty parent between two of its steps.
make_path() {
  mkdir -p -- "$@" 2>/dev/null || mkdir -p -- "$@" 2>/dev/null || mkdir -p -- "$@"
}

# take_lock NAME FD SECONDS: a lock file may be removed by its holder, so what was locked must still be what has the name.
take_lock() {
  lock_path=$RUN/locks/$1
  lock_tries=0
  while [ "$lock_tries" -lt 100 ]; do
    lock_tries=$((lock_tries + 1))
    mkdir -p -- "$RUN/locks" 2>/dev/null || continue
    case $2 in
      8) { command exec 8<>"$lock_path"; } 2>/dev/null || continue ;;
      9) { command exec 9<>"$lock_path"; } 2>/dev/null || continue ;;
    esac
    flock -w "$3" "$2" || return 75
    # shellcheck disable=SC3013 # dash and bash have it, POSIX since 2024
    if [ "$lock_path" -ef "/proc/self/fd/$2" ]; then
      printf '%s\n%s\n' "${URN:-}" "$(uptime_seconds)" >"$lock_path"
      return
    fi
  done
  return 74
}

# lock_holder NAME: who holds it and for how long, in words.
lock_holder() {
  { read -r holder_urn && read -r holder_since; } 2>/dev/null <"$RUN/locks/$1" || { holder_urn=unknown holder_since=; }
  printf '%s' "${holder_urn:-unknown}"
  [ -z "$holder_since" ] || printf ', for %s s' "$(($(uptime_seconds) - holder_since))"
}

uptime_seconds() { IFS='. ' read -r uptime_whole _ </proc/uptime && echo "$uptime_whole"; }

# with_host_lock COMMAND ARGS..: for the registry, the edge, nft and daemon-reload; no-op when the lock is held already.
with_host_lock() {
  if [ -n "$HOST_LOCKED" ]; then
    "$@"
    return
  fi
  (
    take_lock host 8 120 || die 75 "the host is locked by $(lock_holder host)"
    HOST_LOCKED=1
    "$@"
  )
}

# refuse_symlinks PATH: nothing of ours is reached through a symlink: neither below $STATE nor PATH itself.
refuse_symlinks() {
  case $1/ in
    *//* | */../* | */./*) die 1 "$1 is not a plain absolute path" ;;
    /*) ;;
    *) die 1 "$1 is not a plain absolute path" ;;
  esac
  [ ! -L "$1" ] || die 3 "$1 is a symbolic link, which is not of our making"
  case $1 in
    "$STATE"/*)
      symlink_check=$1
      while [ "$symlink_check" != "$STATE" ]; do
        symlink_check=${symlink_check%/*}
        [ ! -L "$symlink_check" ] || die 3 "$symlink_check is a symbolic link, which is not of our making"
      done
      ;;
  esac
}

# atomic_write PATH MODE OWNER[:GROUP] <CONTENT: the old file or the new one, never half of it, also when the disk is
# full. The temporary name is fixed, so that the next write sweeps what a killed one left.
atomic_write() {
  refuse_symlinks "$1"
  perl -e '
    use Errno qw(ENOSPC EDQUOT EROFS); use Fcntl; use IO::Handle;
    my ($path, $mode, $owner) = @ARGV;
    my ($user, $group) = split /:/, $owner;
    my $uid = $user =~ /^\d+$/ ? $user : getpwnam($user); defined $uid or die "no user $user\n";
    my $gid = !defined $group ? (getpwuid($uid))[3] // $uid : $group =~ /^\d+$/ ? $group : getgrnam($group);
    defined $gid or die "no group $group\n";
    (my $new = $path) =~ s{([^/]+)$}{.$1.pulumi-jail-new};
    sub failed { my $e = $!; my $code = $e + 0; unlink $new; print STDERR "$_[0] $path: $e\n";
      exit($code == ENOSPC || $code == EDQUOT ? 28 : $code == EROFS ? 30 : 1) }
    unlink $new;
    sysopen my $out, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or failed("cannot create");
    binmode STDIN;
    while ((my $n = sysread STDIN, my $buffer, 1 << 20) // failed("cannot read the content of")) {
      last unless $n;
      for (my $done = 0; $done < $n; ) { my $w = syswrite($out, $buffer, $n - $done, $done) // failed("cannot write"); $done += $w }
    }
    chown $uid, $gid, $out or failed("cannot chown");
    chmod oct $mode, $out or failed("cannot chmod");
    $out->sync or failed("cannot sync");
    close $out or failed("cannot close");
    rename $new, $path or failed("cannot rename to");
  ' "$1" "$2" "$3"
}

# blame_disk DIRECTORY: call it after a failed write and before the clean-up; exits 28 or 30 when the disk is to blame.
blame_disk() {
  perl -e '
    use Errno qw(ENOSPC EDQUOT EROFS); use Fcntl; use IO::Handle;
    my $dir = shift; $dir =~ s{/[^/]+/*$}{} until $dir eq "" || -d $dir; $dir = "/" if $dir eq "";
    my $probe = "$dir/.pulumi-jail-probe.$$";
    my $ok = sysopen(my $out, $probe, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600)
      && defined syswrite($out, "x" x 65536) && $out->sync && close($out);
    my $code = $ok ? 0 : $! + 0; unlink $probe;
    exit 28 if $code == ENOSPC || $code == EDQUOT;
    exit 30 if $code == EROFS;
  ' "$1" || exit $?
  # A step that swept its own temporary files leaves some room: too little is still the reason.
  df -k --output=avail,iavail,itotal -- "$STATE" 2>/dev/null | while read -r avail inodes total; do
    case $avail in *[!0-9]*) continue ;; esac
    if [ "$avail" -lt 4096 ]; then exit 28; fi
    case $inodes in *[!0-9]*) continue ;; esac
    if [ "$total" -gt 0 ] && [ "$inodes" -lt 16 ]; then exit 28; fi
  done || exit $?
}
