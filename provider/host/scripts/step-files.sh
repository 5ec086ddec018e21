# shellcheck shell=sh
# step_write_file PATH MODE OWNER
step_write_file() { atomic_write "$1" "$2" "$3" <"$CONTENT"; }

# step_remove_file PATH: a link is removed, not what it points to; and what a killed write left.
step_remove_file() {
  [ ! -d "$1" ] || [ -L "$1" ] || die 1 "$1 is a directory"
  rm -f -- "$1" "${1%/*}/.${1##*/}.pulumi-jail-new" || { blame_disk "${1%/*}" && exit 1; }
}

# step_make_directory PATH MODE OWNER
step_make_directory() {
  refuse_symlinks "$1"
  directory_tries=0
  until [ -d "$1" ]; do
    # Another plan may sweep an empty parent between the two.
    (umask 022 && mkdir -p -- "${1%/*}" && umask 077 && mkdir -- "$1") && break
    blame_disk "${1%/*}"
    directory_tries=$((directory_tries + 1))
    [ "$directory_tries" -lt 5 ] || exit 1
  done
  # Only what differs is touched: a converged directory keeps its ctime.
  case " $(stat -c "%U:%G %u:%g %U %u" -- "$1") " in
    *" $3 "*) ;;
    *) chown -- "$3" "$1" ;;
  esac
  [ "$(stat -c %04a -- "$1")" = "$2" ] || chmod -- "$2" "$1"
}

# step_remove_directory PATH: only if empty.
step_remove_directory() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    sweep_empty "$1" || { blame_disk "${1%/*}" && exit 1; }
  fi
}

# step_expect_file PATH SHA256|-
step_expect_file() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then
    expected=-
  else
    expected=$(sha256sum <"$1")
    expected=${expected%% *}
  fi
  [ "$expected" = "$2" ] || die 3 "$1 was changed by somebody else meanwhile"
}

# step_remove_tree PATH
step_remove_tree() { remove_tree "$1"; }

# remove_tree PATH: rm follows no link, but it empties what is mounted in the tree, a bind mount of live data too, and
# --one-file-system does not see one of the same file system. So mountinfo decides, before and after the tree has got a
# name which nothing else knows.
remove_tree() {
  case $1 in
    "$STATE"/*) ;;
    *) die 1 "$1 is not below $STATE" ;;
  esac
  refuse_symlinks "$1"
  refuse_mounts "$1"
  tree_doomed=${1%/*}/.${1##*/}.pulumi-jail-doomed
  refuse_mounts "$tree_doomed"
  rm -rf -- "$tree_doomed" || { blame_disk "${1%/*}" && exit 1; }
  [ -d "$1" ] || return 0
  mv -T -- "$1" "$tree_doomed" || { blame_disk "${1%/*}" && exit 1; }
  refuse_mounts "$tree_doomed"
  rm -rf -- "$tree_doomed"
}

# refuse_mounts PATH: nothing may be mounted at or below it, in this mount namespace.
refuse_mounts() {
  perl -e '
    my $path = shift;
    open my $in, "<", "/proc/self/mountinfo" or die "cannot read mountinfo: $!\n";
    while (readline $in) {
      my $at = (split / /)[4];
      $at =~ s/\\([0-7]{3})/chr oct $1/ge;
      if ($at eq $path || index($at, "$path/") == 0) { print STDERR "$at is a mount, which is not ours to remove\n"; exit 3 }
    }
  ' "$1"
}

# step_sweep_state: the directories which all objects share go when they are empty. Not those of an object: another plan
# may have made one just now and not filled it yet, and an empty volume is still a volume.
step_sweep_state() {
  [ ! -d "$STATE" ] || with_host_lock sweep_state
}

# Under the lock of who writes a shared file into $STATE. The store has a lock of its own: a builder fills it just now.
sweep_state() {
  sweep_store
  for sweep_base in jails services volumes operations locks edge; do
    sweep_empty "$STATE/$sweep_base"
  done
  # Of no use without a jail (candidates.sh).
  [ -d "$STATE/jails" ] || [ -d "$STATE/edge" ] || rm -f -- "$STATE/candidates" "$STATE/candidates.new"
  sweep_empty "$STATE"
}

# sweep_empty PATH: another plan may have swept it between the look and the act.
sweep_empty() {
  [ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty -- "$1" || [ ! -d "$1" ]
}
