# shellcheck shell=sh
# The jail is tried before it counts: a throw-away tree of just the manifest's entries, in which the daemon is started,
# probed and watched by strace from inside. What it looked up in vain, though the build root has it, is what the jail lacks.
# strace, its loader and libraries are bound in at /.trace, its log at /.trace-log, so that they are no part of what is tried.

# step_trial_jail ID UNIT DEADLINE TYPE PROBE..: CONTENT is a row of parts, each a
# line `NAME LENGTH` and that many bytes: entries, unit, passwd, group, listens, seeds and the made files by sha256. Prints
# lines: KIND TAB VALUE.. (provider/discovery/trial.ts reads them). Fails only when nothing could be tried.
step_trial_jail() {
  build=$STATE/build/$1
  trial_name=pulumi-jail-trial-$1.service
  trial_unit=$2
  shift 2
  [ -d "$build/root/usr" ] || die 4 "the build root is gone"
  remove_trial_unit "${build##*/}"
  refuse_symlinks "$build/trial"
  rm -rf --one-file-system -- "$build/trial-data" "$build/trial-parts" "$build/trial-trace" "$build/trial-log" "$build/trial-sockets"
  mkdir -p -- "$build/trial-data" "$build/trial-parts" "$build/trial-trace/lib" "$build/trial-log"
  perl -e "$(trial_parts_source)" "$build/trial-parts" <"$CONTENT"
  # shellcheck disable=SC2154 # it is in step-trace.sh
  perl -e "$(generation_look_source)$(generation_build_source)$(trial_tree_source)" -- "$build" "$trace_address"
  trial_tracer
  trial_number=0
  while IFS=' ' read -r trial_owner trial_mode trial_path; do
    trial_number=$((trial_number + 1))
    mkdir -- "$build/trial-data/$trial_number"
    trial_seed "$trial_path" "$build/trial-data/$trial_number"
    chown -hR -- "$trial_owner:$trial_owner" "$build/trial-data/$trial_number"
    chmod -- "$trial_mode" "$build/trial-data/$trial_number"
  done <"$build/trial-parts/seeds"
  open_trace_network "${build##*/}"
  mkdir -p /run/systemd/system
  cp -- "$build/trial-parts/unit" "/run/systemd/system/$trial_name"
  chmod 0644 "/run/systemd/system/$trial_name"
  for trial_socket in "$build/trial-parts"/socket*; do
    [ -e "$trial_socket" ] || continue
    cp -- "$trial_socket" "/run/systemd/system/pulumi-jail-trial-${build##*/}.${trial_socket##*/socket}.socket"
    chmod 0644 "/run/systemd/system/pulumi-jail-trial-${build##*/}.${trial_socket##*/socket}.socket"
  done
  # A unit that PID 1 does not know yet needs no daemon-reload, which is the slowest part; one of a killed run may be known.
  case $(systemctl show --property=NeedDaemonReload --value -- "$trial_name" "pulumi-jail-trial-${build##*/}.*.socket") in
    *yes*) with_host_lock systemctl daemon-reload ;;
  esac
  trial_code=0
  perl -e "$(trial_run_source)$(trace_look_source)" "$trial_name" "$trial_unit" "$build/trial-parts" "$@" \
    2>"$build/trial-parts/said" || trial_code=$?
  remove_trial_unit "${build##*/}"
  close_trace_network "${build##*/}"
  perl -e "$(trial_report_source)" "$build" "$trial_code"
  set --
  while IFS=' ' read -r trial_owner trial_mode trial_path; do set -- "$@" "$trial_path"; done <"$build/trial-parts/seeds"
  if [ $# -gt 0 ]; then ask_seeds "$build/root" "$@" | sed 's/^/seed\t/'; fi
}

# trial_seed PATH DIRECTORY: what a service's new data directory is filled with (generation-seed.sh).
trial_seed() {
  # One that the daemon makes by itself begins empty.
  [ -d "$build/root$1" ] || return 0
  perl -e "$(generation_look_source)$(generation_seed_source)"'
    my ($source, $path) = @ARGV;
    my @found = seeded($source, $path);
    print map { substr($_, length($path) + 1) . "\0" } grep { defined && $_ ne $path } @found;
  ' -- "$build/root" "$1" >"$build/trial-parts/list"
  [ -s "$build/trial-parts/list" ] || return 0
  tar --create --directory="$build/root$1" --null --no-recursion --sparse --hole-detection=raw --hard-dereference \
    --files-from="$build/trial-parts/list" | tar --extract --directory="$2"
}

# The jailed uid writes its log into a directory of its own; nothing of root's follows a path in it until all have ended.
trial_tracer() {
  chroot "$build/root" /bin/sh -c 'LD_TRACE_LOADED_OBJECTS=1 exec /usr/bin/strace' >"$build/trial-parts/libraries" 2>/dev/null ||
    die 4 "there is no strace in the build root"
  cp -- "$build/root/usr/bin/strace" "$build/trial-trace/tracer"
  # `NAME => PATH (ADDRESS)`, and the loader by its path alone. It is called strace, as that is what processes are known by.
  sed -n 's/^.* => \(\/[^ ]*\) (0x.*$/\1/p' "$build/trial-parts/libraries" | while IFS= read -r trial_library; do
    cp -L -- "$build/root/$(trial_canonical "$trial_library")" "$build/trial-trace/lib/${trial_library##*/}"
  done
  trial_loader=$(sed -n 's/^[[:space:]]*\(\/[^ ]*\) (0x.*$/\1/p' "$build/trial-parts/libraries")
  cp -- "$build/root/$(trial_canonical "$trial_loader")" "$build/trial-trace/strace"
  chmod -R u=rwX,go=rX "$build/trial-trace"
  chown -- 65534:65534 "$build/trial-log"
}

trial_canonical() { chroot "$build/root" /bin/readlink -f -- "$1"; }

# remove_trial_unit ID: also what a killed run left running.
remove_trial_unit() {
  tried=pulumi-jail-trial-$1.service
  [ -e "/run/systemd/system/$tried" ] || return 0
  systemctl kill --signal=KILL --kill-who=all "$tried" 2>/dev/null || true
  remove_socket_units "${tried%.service}"
  timeout 20 systemctl stop "$tried" 2>/dev/null || true
  systemctl reset-failed "$tried" 2>/dev/null || true
  rm -f -- "/run/systemd/system/$tried"
  rmdir -- "/run/systemd/propagate/$tried" 2>/dev/null || true
}

trial_parts_source() {
  cat <<'PERL'
use strict;
my ($directory) = @ARGV;
binmode STDIN;
while (defined(my $head = <STDIN>)) {
  my ($name, $length) = $head =~ /^([a-z0-9]+) (\d+)\n\z/ or die "no head of a part\n";
  read(STDIN, my $bytes, $length) == $length or $length == 0 or die "$name is cut short\n";
  read STDIN, my $end, 1;
  open my $out, ">", "$directory/$name" or die "cannot write $name: $!\n";
  print $out $bytes and close $out or die "cannot write $name: $!\n";
}
PERL
}

# The tree of an earlier round is kept and gets what is new: a repair only ever adds.
trial_tree_source() {
  cat <<'PERL'
my ($build, $address) = @ARGV;
my ($tree, $parts) = ("$build/trial", "$build/trial-parts");
my $entries = entries_in(text_of("$parts/entries"));
my $made;
for my $entry (@$entries) {
  my $path = $tree . $entry->{path};
  if ($entry->{value} eq "made") { $made = $entry; next }
  if ($entry->{kind} ne "d" && status($path)) { next }
  if ($entry->{kind} ne "f") { place($tree, $entry); next }
  my $given = "$parts/$entry->{value}";
  # By another name first: a file is there whole or not at all, however often this is cut off.
  copy(-e $given ? $given : "$build/root$entry->{path}", "$tree/.new") or die "the build root has no file $entry->{path}\n";
  chmod $entry->{mode}, "$tree/.new" or failed("cannot chmod $path");
  rename "$tree/.new", $path or failed("cannot rename to $path");
}
make_cache($tree, $entries, library_places("$build/root")) if $made;
chomp(my $host = text_of("/proc/sys/kernel/hostname") // "localhost");
my %files = ("/etc/passwd" => text_of("$parts/passwd"), "/etc/group" => text_of("$parts/group"), "/etc/hostname" => "$host\n",
  "/etc/hosts" => "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n$address $host\n", "/etc/resolv.conf" => "");
for my $path (keys %files) {
  unlink "$tree$path";
  open my $out, ">", "$tree$path" or failed("cannot create $path");
  print $out $files{$path} and close $out or failed("cannot write $path");
  chmod 0644, "$tree$path" or failed("cannot chmod $path");
}
for my $path ("$tree/.trace", "$tree/.trace-log") { mkdir $path, 0755; chmod 0755, $path or failed("cannot chmod $path") }
PERL
}

# What failed, by the calls' own words; a path is told with where it leads in the build root, when it is there.
trial_report_source() {
  cat <<'PERL'
use strict;
use Cwd ();
my ($build, $code) = @ARGV;
my (%begun, %places, %seen, @failures);
# Nothing of the jailed uid runs any more, yet what it has written is no more than a text of its own: no link is followed.
sub lines_of { sysopen my $in, $_[0], 0400000 or return; return -f $in ? <$in> : () }
for (lines_of("$build/trial-log/calls")) {
  my ($pid, $call) = /^(\d+) +(.*)$/ or next;
  if ($call =~ s/ <unfinished \.\.\.>$//) { $begun{$pid} = $call; next }
  $call = delete($begun{$pid}) . $1 if $call =~ /^<\.\.\. \w+ resumed>(.*)$/ && defined $begun{$pid};
  $places{$pid} = $1 if $call =~ /AT_FDCWD<(\/[^>]*)>/;
  $places{$pid} = unescaped($1) if $call =~ /^chdir\("(\/(?:[^"\\]|\\.)*)"\) += 0/;
  my ($name, $arguments, $error) = $call =~ /^(\w+)\((.*)\) += -1 (ENOENT|ENOTDIR|EACCES|EPERM|EROFS) / or next;
  my ($base, $string) = $arguments =~ /^(?:\w+<(\/[^>]*)>, )?"((?:[^"\\]|\\.)*)"/;
  my $path = defined $string ? unescaped($string) : "";
  $path = ($base // $places{$pid} // "") . "/$path" if length $path && $path !~ m{^/};
  $path =~ s{/{2,}}{/}g;
  my $how = $arguments =~ /O_(?:WRONLY|RDWR|CREAT)/ ? "write" : $name =~ /^execve/ ? "run" : $name =~ /^open/ ? "open" : $name;
  push @failures, [$error, $how, $path] unless $seen{"$error $how $path"}++;
}
my %facts = map { chomp; my ($key, $value) = /^(\w+)=(.*)$/; defined $value ? ("$key $value" => [$key, $value]) : () } lines_of("$build/trial-parts/facts");
my @said = lines_of("$build/trial-parts/said");
print line("code", $code);
print line(@{$facts{$_}}) for sort keys %facts;
# systemd's own words tell less than the result does.
@said = grep { !/^(Job for |See "systemctl|(Starting|Started|Stopped|Failed to start) |\S+: (Main|Control|Unit) process|\S+: Failed with)/ } @said;
chomp(@said), print map { line("said", $_) } @said;
if ($code && open my $logs, "-|", "find", "-P", glob("$build/trial-data/*/"), qw(-type f -newer), "$build/trial-parts/unit", qw(-size -1024k ( -name *.log -o -name *_log ))) {
  chomp(my @logs = <$logs>);
  for my $log (@logs) {
    my @lines = lines_of($log);
    chomp(@lines), print map { line("said", $_) } @lines > 15 ? @lines[-15 .. -1] : @lines;
  }
}
chroot "$build/root" and chdir "/" or die "cannot enter $build/root: $!\n";
for (@failures) {
  my ($error, $how, $path) = @$_;
  my $there = length $path && lstat $path ? Cwd::realpath($path) // $path : "-";
  # What is nowhere is no news, unless it was to be made: a JVM looks for each class in several places.
  next if $there eq "-" && $error =~ /^ENO/ && $how !~ /^(write|mkdir|mknod|symlink)/;
  print line("failed", $error, $how, $path, $there);
}
sub line { join("\t", map { s/([%\t\n])/sprintf "%%%02X", ord $1/ger } @_) . "\n" }
sub unescaped {
  my %letters = (n => "\n", t => "\t", r => "\r", f => "\f", v => "\013");
  return $_[0] =~ s/\\(?:([0-7]{1,3})|(.))/defined $1 ? chr oct $1 : $letters{$2} \/\/ $2/gesr;
}
PERL
}
