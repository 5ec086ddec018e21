# shellcheck shell=sh
# Seeds: what the packages and their maintainer scripts put into directories that the daemon writes. A tree is immutable, so
# it is kept beside, as an archive from which a new data directory is filled.

# ask_seeds SOURCE PATH..: `FILES TAB BYTES TAB PATH` for each of these directories of a build root that holds anything, and
# `own TAB PATH` where this host's own data was left out.
ask_seeds() {
  perl -e "$(generation_look_source)$(generation_seed_source)"'
    my ($source, @paths) = @ARGV;
    for my $path (@paths) {
      my @found = seeded($source, $path);
      my @files = grep { !-l "$source$_" && -f _ } @found;
      my $bytes = 0;
      $bytes += (lstat "$source$_")[7] for @files;
      print join("\t", scalar(@files), $bytes, shown($path)), "\n" if @found > 1;
      print "own\t", shown($path), "\n" if left_out();
    }
  ' -- "$@"
}

# step_generation_seed BASE DIGEST SOURCE PATH..: packs them for the generation that is built or mended next. Sockets,
# devices and setid bits stay out, and so does who owns what: all becomes the service's. Without times, so that what was
# packed twice is the same twice.
step_generation_seed() {
  generation_open "$1"
  seed_work=$1/generations/.build-$2
  seed_source=$3
  mkdir -p -- "$seed_work"
  shift 3
  perl -e "$(generation_look_source)$(generation_seed_source)"'
    my ($source, @paths) = @ARGV;
    for my $path (@paths) { print map { substr($_, 1) . "\0" } seeded($source, $path) }
  ' -- "$seed_source" "$@" >"$seed_work/seed.list"
  tar --create --file="$seed_work/seed.tar.gz" --use-compress-program='gzip -1 -n' --directory="$seed_source" --null --no-recursion \
    --sparse --hole-detection=raw --hard-dereference --numeric-owner --mtime=@0 --mode=u-s,g-s --files-from="$seed_work/seed.list" ||
    { blame_disk "$STATE" && exit 1; }
  rm -f -- "$seed_work/seed.list"
}

generation_seed_source() {
  cat <<'PERL'
# seeded SOURCE PATH: the directory and all that is below it. Where the build root is laid over this host's own root, what
# the host has at a place itself is its own live data and never a seed, but for what a package brought.
my $left_out;
sub left_out { $left_out }
sub seeded {
  my ($source, $path) = @_;
  my $overlaid = is_overlaid($source);
  $left_out = 0;
  my @found;
  my @queue = ($path);
  while (defined(my $at = shift @queue)) {
    my @stat = status("$source$at") or next;
    my $kind = $stat[2] & 0170000;
    next unless $kind == 0100000 || $kind == 0040000 || $kind == 0120000;
    if ($overlaid && $kind != 0040000 && status($at) && !is_packaged($source, $at)) { $left_out = 1; next }
    push @found, $at;
    next if $kind != 0040000;
    opendir my $in, "$source$at" or failed("cannot list $source$at");
    push @queue, map { "$at/$_" } sort grep { $_ ne "." && $_ ne ".." } readdir $in;
  }
  return without_empty_parents($overlaid, @found);
}
# A directory of the host of which nothing else is taken is none of the packages'"'"'.
sub without_empty_parents {
  my ($overlaid, $top, @below) = @_;
  return defined $top ? ($top, @below) : () unless $overlaid;
  my (%needed, @kept);
  for my $path (reverse @below) {
    next if !-l $path && -d _ && !$needed{$path};
    unshift @kept, $path;
    for (my $parent = above($path); $parent ne $top && $parent ne ""; $parent = above($parent)) { $needed{$parent} = 1 }
  }
  return ($top, @kept);
}
sub is_overlaid {
  my $source = shift;
  open my $mounts, "<", "/proc/self/mountinfo" or failed("cannot read mountinfo");
  while (my $line = readline $mounts) {
    my @fields = split / /, $line;
    return 1 if $fields[4] eq $source && $line =~ /\blowerdir\+?=\/[,:\s]/;
  }
  return 0;
}
my %packaged;
sub is_packaged {
  my ($source, $path) = @_;
  if (!%packaged) {
    for my $list (glob "$source/var/lib/dpkg/info/*.list") {
      open my $in, "<", $list or next;
      while (<$in>) { chomp; $packaged{$_} = 1 if m{^/(?:var|srv|etc|opt|home)/} }
    }
    $packaged{"/"} = 1;
  }
  return $packaged{$path};
}
PERL
}
