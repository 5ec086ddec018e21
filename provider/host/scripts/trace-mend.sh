# shellcheck shell=sh
# What is done between a trace and the next: packages that are recommended go in when a unit does not start without them,
# and what a unit's own preparations have made becomes part of the root that the jail is assembled from.

# add_recommended: installs what the packages asked for recommend, and notes it in recommended; false when that is nothing.
add_recommended() {
  : "${build:?}"
  mend_words=$(perl -e "$(recommended_program)" "$build/root/var/lib/dpkg/status" "$build/packages")
  [ -n "$mend_words" ] || return 1
  mount -o remount,rw "$build/root" || return 1
  # shellcheck disable=SC2034 # install_packages reads it
  build_suite=$(cat "$build/suite")
  # shellcheck disable=SC2086 # names of packages, checked below
  mend_errors=$(install_packages $mend_words 2>&1) || {
    printf '%s\n' "$mend_errors" >&2
    return 1
  }
  mount -o remount,ro "$build/root"
  printf '%s\n' "$mend_words" >"$build/recommended"
}

recommended_program() {
  cat <<'PERL'
use strict;
my ($status, $asked) = @ARGV;
open my $in, "<", $asked or exit 0;
my %asked = map { chomp; s/[=:].*//; $_ => 1 } grep { !/^\+/ } <$in>;
my (%there, @wanted, $package, $installed);
open $in, "<", $status or die "cannot read $status: $!\n";
while (<$in>) {
  if (/^Package: (\S+)/) { $package = $1 }
  elsif (/^Status: (.*)/) { $installed = $1 =~ / installed$/; $there{$package} = 1 if $installed }
  elsif (/^Provides: (.*)/ && $installed) { $there{$_} = 1 for map { /^\s*(\S+)/ } split /,/, $1 }
  elsif (/^Recommends: (.*)/ && $installed && $asked{$package}) { push @wanted, split /,/, $1 }
}
my %seen;
my @names = map { [map { /^\s*([a-z0-9][a-z0-9+.-]*)/ } split /\|/, $_] } @wanted;
print join " ", grep { !$seen{$_}++ } map { $$_[0] } grep { my $any = $_; @$any && !grep { $there{$_} } @$any } @names;
PERL
}

# adopt_prepared: what ExecStartPre= and wrappers made or changed outside of /run, /tmp and the logs is copied from the
# traced tree into the pristine one, as the jail runs neither. The daemon's own doings stay out.
adopt_prepared() {
  : "${build:?}"
  perl -e "$(prepared_program)" "$build/trace" "$build/root" "$build/log" >"$build/prepared"
  close_drawn_keys
  [ -s "$build/prepared" ] || return 0
  mount -o remount,rw "$build/root"
  tar -C "$build/trace" --null --no-recursion --verbatim-files-from -T "$build/prepared" -cf - |
    tar -C "$build/root" -xpf - --keep-directory-symlink --overwrite
  mount -o remount,ro "$build/root"
}

# close_drawn_keys: a jail has one user, so what a key's group may read it as well; daemons refuse their own keys when others
# could. Only keys that an installation has drawn: the host's own are nobody's business here.
close_drawn_keys() {
  [ -d "$build/layers/upper/etc" ] || return 0
  mount -o remount,rw "$build/root"
  (cd "$build/layers/upper" && find etc -type f -perm /0077 -exec grep -l -e '-----BEGIN [A-Z ]*PRIVATE KEY-----' {} +) |
    while IFS= read -r mend_key; do
      [ -e "$(cat "$build/lower")/$mend_key" ] || chmod 0600 "$build/root/$mend_key"
    done
  mount -o remount,ro "$build/root"
}

prepared_program() {
  cat <<'PERL'
use strict;
my ($trace, $root, $log) = @ARGV;
my ($main) = map { /^main=(\d+)/ ? $1 : () } lines("$log/facts");
my %made;
for my $file (glob "$log/[0-9]*.Exec*") {
  my ($key) = $file =~ /\.(Exec\w+)$/;
  next unless $key =~ /^ExecStart(Pre)?$/;
  my @calls = lines($file);
  @calls = defined $main ? @calls[0 .. execution(\@calls) - 1] : () if $key eq "ExecStart";
  for (@calls) {
    next if / = -1 E/;
    if (/ open(?:at2?)?\(.*O_(?:CREAT|WRONLY|RDWR|TRUNC).* = \d+<(\/[^>]*)>$/) { $made{$1} = 1 }
    elsif (/ (?:mkdir|mkdirat|rename|renameat|renameat2|symlink|symlinkat|link|linkat)\(/) {
      my ($path) = /.*"((?:[^"\\]|\\.)*)"/ or next;
      my ($directory) = /.*<(\/[^>]*)>, "/;
      $path = "$directory/$path" if $path !~ m{^/} && defined $directory;
      $made{$path} = 1 if $path =~ m{^/};
    }
  }
}
my %with;
for my $path (keys %made) {
  next if $path =~ m{^/(run|tmp|dev|proc|sys|\.trace|var/run|var/tmp|var/log|var/lock)(/|$)} || $path =~ m{\\|//|/\.\.?(/|$)};
  my @parts = grep length, split m{/}, $path;
  my @above = map { "/" . join "/", @parts[0 .. $_] } 0 .. $#parts - 1;
  next if grep { -l "$trace$_" || !-d _ } @above;
  next unless (-l "$trace$path" || -f _ || -d _) && !same($path);
  $with{$_} = 1 for (grep { !-e "$root$_" } @above), $path;
}
print map { s{^/}{}r . "\0" } sort keys %with;

# Where the program that stays was executed: by the main process, or by the ancestor that forked it.
sub execution {
  my ($calls) = @_;
  my ($pid, $until) = ($main, scalar @$calls);
  while (1) {
    my ($found) = grep { $$calls[$_] =~ /^$pid +\S+ execve/ } reverse 0 .. $until - 1;
    return $found if defined $found;
    my ($fork) = grep { $$calls[$_] =~ /(clone3?|v?fork)\b.* = $pid$/ } 0 .. $until - 1;
    return 0 unless defined $fork;
    ($pid) = $$calls[$fork] =~ /^(\d+)/;
    $until = $fork;
  }
}

sub same {
  my ($path) = @_;
  my (@one, @other);
  @one = lstat "$trace$path"; @other = lstat "$root$path" or return 0;
  return 0 if $one[2] != $other[2] || $one[4] != $other[4] || $one[5] != $other[5];
  return readlink "$trace$path" eq readlink "$root$path" if -l "$trace$path";
  return 1 if -d "$trace$path";
  return $one[7] == $other[7] && content("$trace$path") eq content("$root$path");
}

sub content { open my $in, "<", $_[0] or return ""; local $/; return <$in> // "" }
sub lines { open my $in, "<", $_[0] or return; my @lines = <$in>; chomp @lines; return @lines }
PERL
}
