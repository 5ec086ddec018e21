# shellcheck shell=sh
# Steps of a jailed service: its user, files and directories, and what makes one slot serve and the other one go.

# step_service_user USER GECOS: makes the service's own user; prints `UID GID`.
step_service_user() {
  if service_passwd=$(getent passwd "$1"); then
    case $service_passwd in
      *:"$2":*) ;;
      *) die 3 "the user $1 is not of our making: $service_passwd" ;;
    esac
  else
    # What sysusers says of directories that it does not find is no news.
    printf 'u %s - "%s" /nonexistent /usr/sbin/nologin\n' "$1" "$2" | with_host_lock keep_user_backups systemd-sysusers - >&2
  fi
  getent passwd "$1" | cut -d : -f 3,4 | tr : ' '
}

# step_service_files NAME: CONTENT is a row of files: a line `PATH MODE LENGTH`, then as many bytes; all root's, written
# beside and renamed. A directory of a slot that has not started yet is made anew by service-clear first.
step_service_files() {
  refuse_symlinks "$STATE/services/$1"
  (umask 022 && make_path "$STATE" && umask 077 && make_path "$STATE/services/$1") || { blame_disk "$STATE" && exit 1; }
  perl -e '
    use strict; use Errno qw(ENOSPC EDQUOT EROFS); use Fcntl; use IO::Handle; use File::Path;
    my ($name, $state) = @ARGV;
    sub failed { my $e = $!; my $n = $e + 0; print STDERR "$_[0]: $e\n"; unlink $_[1] if $_[1]; exit($n == ENOSPC || $n == EDQUOT ? 28 : $n == EROFS ? 30 : 1) }
    my %synced;
    while (defined(my $head = <STDIN>)) {
      my ($path, $mode, $length) = $head =~ /^(\S+) (\d{4}) (\d+)\n$/ or die "no head of a file: $head";
      $path =~ m{^\Q$state\E/services/\Q$name\E/} || $path =~ m{^/etc/systemd/system/(jailed-\Q$name\E\@[ab](-net\.service|-\d+\.socket|\.service)|pulumi-jail-rules\.service|pulumi-jail-responder\@\.(socket|service))$}
        || $path eq "$state/rules.nft" || $path eq "$state-responder/respond" or die "$path is not of this service\n";
      $path =~ m{/\.\./|//} and die "$path is no plain path\n";
      read(STDIN, my $bytes, $length) == $length or $length == 0 or die "the content of $path is cut off\n";
      (my $dir = $path) =~ s{/[^/]+$}{}; my $units = $dir =~ m{^/etc/};
      eval { File::Path::make_path($dir, { mode => $units ? 0755 : 0700 }); 1 } or failed("cannot make $dir");
      next if -f $path && !-l $path && do { local $/; my @s = stat _; open my $in, "<", $path; ($s[2] & 07777) == oct $mode && $s[4] == 0 && (<$in> // "") eq $bytes };
      if ($path =~ m{/resolv\.conf$} && -f $path && !-l $path) { # bound into a process that runs: it keeps its inode
        open my $out, "+<", $path or failed("cannot open $path");
        print $out $bytes; truncate $out, $length and close $out or failed("cannot write $path");
        chmod oct $mode, $path;
        next;
      }
      (my $new = $path) =~ s{([^/]+)$}{.$1.pulumi-jail-new};
      unlink $new;
      sysopen my $out, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or failed("cannot create $path");
      print $out $bytes or failed("cannot write $path", $new);
      $out->flush or failed("cannot write $path", $new);
      chmod oct $mode, $out or failed("cannot chmod $path", $new);
      $out->sync or failed("cannot sync $path", $new);
      close $out or failed("cannot close $path", $new);
      rename $new, $path or failed("cannot rename to $path", $new);
    }
  ' "$1" "$STATE" <"$CONTENT"
}

# step_service_shared_files NAME: those that all services of the host share.
step_service_shared_files() { with_host_lock step_service_files "$@"; }

# step_service_directory PATH UID GID MODE|- TREE JAILPATH SEED..: a directory for data, owned by the service. A new one gets
# what the jail's tree has at that place, then what its packages put there: each SEED is a directory of TREE.seed.tar.gz,
# the same as JAILPATH, above it or below it. With MODE - it has the seed's own. One that is there stays as it is, but of
# another uid it changes hands: it is under a directory that only root can enter, and nothing of the service runs when its
# uid is new.
step_service_directory() {
  refuse_symlinks "$1"
  case $1 in
    "$STATE"/volumes/* | "$STATE"/services/*/scratch/*) ;;
    *) die 1 "$1 is no place for data" ;;
  esac
  mkdir -p -- "${1%/*}"
  if [ ! -d "$1" ]; then
    rm -rf -- "$1.pulumi-jail-new"
    fill_directory "$@" || { blame_disk "$STATE" && exit 1; }
    mv -T -- "$1.pulumi-jail-new$6" "$1"
    rm -rf -- "$1.pulumi-jail-new"
  elif [ "$(stat -c %u -- "$1")" != "$2" ]; then
    chown -hR -- "$2:$3" "$1"
  fi
}

# fill_directory: its arguments are those of service-directory. Below PATH.pulumi-jail-new the directory lies at JAILPATH, as
# in the tree, so that whatever of a seed concerns it falls into place. A daemon may trust its data before the disk has it.
fill_directory() {
  fill_new=$1.pulumi-jail-new$6
  fill_owner=$2:$3
  fill_mode=$4
  fill_seed=$5.seed.tar.gz
  (umask 022 && mkdir -p -- "$fill_new") || return 1
  if [ -d "$5$6" ] && [ ! -L "$5$6" ]; then cp -a -- "$5$6/." "$fill_new/" || return 1; fi
  fill_jail_path=$6
  fill_stage=$1.pulumi-jail-new
  shift 6
  for fill_path in "$@"; do
    fill_member=${fill_path#/}
    case $fill_jail_path/ in
      "$fill_path"/?*)
        # Only a part of the seed is at this place, and it may have none.
        fill_member=${fill_jail_path#/}
        tar --list --file="$fill_seed" --gzip | grep -Fqx -e "$fill_member/" || continue
        ;;
    esac
    tar --extract --file="$fill_seed" --gzip --directory="$fill_stage" --same-permissions --no-same-owner -- "$fill_member" || return 1
  done
  chown -hR -- "$fill_owner" "$fill_new" && chmod -R -- u-s,g-s "$fill_new" || return 1
  [ "$fill_mode" = - ] || chmod -- "$fill_mode" "$fill_new" || return 1
  [ $# -eq 0 ] || sync -f -- "$fill_new"
}

# step_service_launch NAME SLOT OLD|- DEADLINE SETTLE NETWORK TREE UID CAPS: starts a slot and waits until it is healthy and
# confined. CONTENT has a line per check (scripts/service-health.sh). When it does not get well it is stopped, OLD is
# started again where the two exclude one another, and the output tells the reasons.
step_service_launch() {
  launch_unit=jailed-$1@$2.service
  systemctl reset-failed -- "$launch_unit" 2>/dev/null || true
  if [ "$6" = private ]; then
    systemctl restart -- "jailed-$1@$2-net.service" || launch_failed "$1" "$2" "$3" "its network did not start" "jailed-$1@$2-net.service"
  fi
  launch_since=$(date +%s)
  # The unit's own TimeoutStartSec= may be longer, for a recovery after a crash.
  timeout "$4" systemctl start -- "$launch_unit" || launch_failed "$1" "$2" "$3" "$launch_unit did not start$(launch_timed_out $? "$4")" "$launch_unit"
  launch_problem=$(service_healthy "$launch_unit" "$4" "$5" <"$CONTENT") || launch_failed "$1" "$2" "$3" "$launch_problem" "$launch_unit"
  launch_problem=$(service_proof "$launch_unit" | service_confined "$7" "$8" "$9" "$6" "$1-$2") || launch_failed "$1" "$2" "$3" "$launch_problem" "$launch_unit"
  systemctl show --property=InvocationID --value -- "$launch_unit" >"$STATE/services/$1/$2.started"
}

# launch_timed_out CODE SECONDS
launch_timed_out() { [ "$1" != 124 ] || printf ' within %s s' "$2"; }

# launch_failed NAME SLOT OLD PROBLEM UNIT: `set -e` holds here too, as the last part of an or-list is no condition.
launch_failed() {
  printf '%s\n' "$4"
  systemctl show --property=ActiveState,SubState,Result,ExecMainStatus,NRestarts -- "$5" | tr '\n' ' ' || true
  echo
  journalctl --sync 2>/dev/null || true
  # A unit that was tried several times says the same again and again.
  journalctl --quiet --no-pager --output=cat --lines=60 --unit="$5" --unit="${5%.service}-*.socket" ${launch_since:+--since="@$launch_since"} | awk '!seen[$0]++' | tail -n 15 | sed 's/^/log: /'
  systemctl stop -- "jailed-$1@$2.service" 2>/dev/null || true
  systemctl reset-failed -- "jailed-$1@$2.service" 2>/dev/null || true
  if [ "$3" != - ]; then
    if systemctl start -- "jailed-$1@$3.service"; then echo "the previous generation was started again"; else echo "the previous generation did not start again either"; fi
  fi
  exit 1
}

# service_confined TREE UID CAPS NETWORK NAMESPACE <PROOF: the core of what must hold before anybody is sent there.
service_confined() {
  perl -e '
    my ($tree, $uid, $caps, $network, $namespace) = @ARGV; my @s = stat $tree; my $root = "$s[0]:$s[1]";
    my $net = $network eq "private" ? (stat "/run/netns/jail-$namespace")[1] : undef; my (@bad, $seen, %init);
    while (<STDIN>) {
      %init = map { split /=/ } split if s/^ init //;
      my ($pid, $rest) = /^ pid (\d+) (.*)/ or next; $seen = 1; my %f = map { /(.*?)=(.*)/ } split / /, $rest;
      push @bad, "its root is not $tree" if $f{root} ne $root;
      push @bad, "its uids are $f{uid}" if $f{uid} ne join ",", ($uid) x 4;
      push @bad, "it holds capabilities ($f{caps})" if $caps eq "none" && $f{caps} =~ /[1-9a-f]/;
      push @bad, "it can gain privileges" if $f{nnp} ne "1";
      push @bad, "it has no filter of system calls" if $f{seccomp} ne "2";
      push @bad, "it is in the host'"'"'s mount namespace" if $f{mnt} eq $init{mnt};
      push @bad, "it is not in its own network namespace" if defined $net ? $f{net} ne $net : $network eq "none" && $f{net} eq $init{net};
      if (@bad) { print "isolation is not in force, process $pid: ", join(", ", @bad), "\n"; exit 1 }
    }
    $seen or do { print "no process of it could be read back\n"; exit 1 };
  ' "$@"
}

# step_service_enable UNIT..: at boot; a link each, no reload.
step_service_enable() { with_host_lock systemctl --quiet --no-reload enable -- "$@"; }

# step_service_disable UNIT..
step_service_disable() { with_host_lock systemctl --quiet --no-reload disable -- "$@" 2>/dev/null || true; }

# step_service_drain NAME SLOT SECONDS PORT..: until nobody is connected to the slot and all that it said was acknowledged,
# twice in a row.
step_service_drain() {
  drain_namespace=jail-$1-$2
  drain_until=$(($(uptime_seconds) + $3))
  shift 3
  [ -e "/run/netns/$drain_namespace" ] || return 0
  drain_filter=
  for drain_port in "$@"; do drain_filter="${drain_filter:+$drain_filter or }sport = :$drain_port"; done
  drain_empty=0
  while [ "$drain_empty" -lt 2 ]; do
    drain_left=$(ip netns exec "$drain_namespace" ss -Htn state established state syn-recv state fin-wait-1 state close-wait state last-ack state closing "( $drain_filter )")
    if [ -z "$drain_left" ]; then drain_empty=$((drain_empty + 1)); else drain_empty=0; fi
    if [ "$(uptime_seconds)" -ge "$drain_until" ]; then
      printf '%s\n' "$drain_left" | wc -l
      return 0
    fi
    sleep 0.1
  done
}

# step_service_retire NAME SLOT: the slot with all that is its own; nothing of it may be left, whatever state it was in.
step_service_retire() {
  for retire_unit in "jailed-$1@$2.service" "/etc/systemd/system/jailed-$1@$2"-*.socket "jailed-$1@$2-net.service"; do
    retire_unit=${retire_unit##*/}
    systemctl stop -- "$retire_unit" 2>/dev/null || true
    [ ! -e "/etc/systemd/system/$retire_unit" ] || with_host_lock systemctl --quiet --no-reload disable -- "$retire_unit" 2>/dev/null || true
    systemctl reset-failed -- "$retire_unit" 2>/dev/null || true
    rm -f -- "/etc/systemd/system/multi-user.target.wants/$retire_unit" "/etc/systemd/system/$retire_unit" "/etc/systemd/system/.$retire_unit.pulumi-jail-new"
    service_remove_dropins "$retire_unit"
  done
  ip netns del "jail-$1-$2" 2>/dev/null || true
  rm -f -- "$STATE/services/$1/$2.started"
  [ ! -d "$STATE/services/$1/$2" ] || remove_tree "$STATE/services/$1/$2"
}

# step_service_undo_dropins UNIT: what somebody put beside our unit.
step_service_undo_dropins() { service_remove_dropins "$1"; }

# The unit's name is ours, so what is beside it is about us: it goes.
service_remove_dropins() {
  for dropin_base in /etc/systemd/system /run/systemd/system /etc/systemd/system.control /run/systemd/system.control; do
    [ ! -d "$dropin_base/$1.d" ] || [ -L "$dropin_base/$1.d" ] || rm -rf -- "${dropin_base:?}/$1.d"
  done
}

# step_service_drop_user USER GECOS: only one of our making.
step_service_drop_user() {
  case $(getent passwd "$1") in
    *:"$2":*) with_host_lock keep_user_backups userdel -- "$1" >&2 ;;
  esac
  case $(getent group "$1") in
    "$1":*) with_host_lock keep_user_backups groupdel -- "$1" >&2 || true ;;
  esac
}

# step_service_forget NAME: the last of it; with the last service of the host goes what all shared.
step_service_forget() {
  [ ! -d "$STATE/services/$1" ] || remove_tree "$STATE/services/$1"
  with_host_lock service_forget_shared
  systemctl reset-failed -- "jailed-$1@a.service" "jailed-$1@b.service" 2>/dev/null || true
}

service_forget_shared() {
  rmdir -- "$STATE/services" 2>/dev/null || true
  if [ ! -d "$STATE/services" ]; then
    responder_forget
  fi
  if [ ! -d "$STATE/services" ] && [ ! -d "$FORWARDS" ]; then
    systemctl stop -- pulumi-jail-rules.service 2>/dev/null || true
    nft delete table inet pulumi_jail 2>/dev/null || true
    rm -f -- /etc/systemd/system/multi-user.target.wants/pulumi-jail-rules.service /etc/systemd/system/pulumi-jail-rules.service "$STATE/rules.nft" "$STATE/rules.sha256"
    for forget_kept in "$RUN"/forwarding-*; do
      [ -f "$forget_kept" ] || continue
      cat "$forget_kept" >"/proc/sys/net/ipv4/conf/${forget_kept#"$RUN"/forwarding-}/forwarding" 2>/dev/null || true
      rm -f -- "$forget_kept"
    done
    rm -f -- "$RUN/not-enforced"
  fi
  rmdir -- "$STATE/volumes" "$STATE" 2>/dev/null || true
  systemctl daemon-reload
}
