# shellcheck shell=sh
# What apt would install now, by its index as it is. Without a cache of its own, apt-cache takes a second to read that, so
# the answer is kept until a file that it was made from changes: of the host's own apt by those steps which build, as a
# question writes nothing; of a suite beside its index in /run.
candidates_source() {
  cat <<'PERL'
my $run = "/run/pulumi-jail";

# candidates SUITE KEEP NAME..: by name, of the host's own apt when SUITE is empty; "-" for what has none or is on hold.
sub candidates {
  my ($suite, $keep, @names) = @_;
  my $kept = $suite eq "" ? "/var/lib/pulumi-jail/candidates" : "$run/suites/$suite/candidates";
  my $key = join " ", map { my @stat = lstat $_; @stat ? "$_:$stat[7]:$stat[9]" : () } index_files($suite);
  my ($first, @lines) = split /\n/, text_of($kept) // "";
  my %all = ($first // "") eq $key ? map { split / /, $_, 2 } @lines : ();
  if (grep { !exists $all{$_} } @names) {
    %all = map { $_ => "-" } @names, all_names();
    %all = (%all, candidates_asked($suite, sort keys %all));
    if ($keep || $suite ne "") {
      write_kept("$kept.new", "$key\n", map { "$_ $all{$_}\n" } sort keys %all) && rename "$kept.new", $kept or unlink "$kept.new";
    }
  }
  my $held = $suite eq "" ? held() : {};
  map { $_ => $held->{$_} ? "-" : $all{$_} } @names;
}
sub write_kept {
  my $path = shift;
  unlink $path;
  sysopen my $out, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or return 0;
  print $out @_ and close $out;
}
sub candidates_asked {
  my ($suite, @names) = @_;
  # As nobody it takes apt's own cache where that is up to date, and can't write it where it is not.
  my @command = $suite eq "" ? ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "apt-cache") : ("apt-cache", suite_options($suite));
  my ($name, %found);
  open my $in, "-|", @command, "policy", @names or return;
  while (<$in>) {
    if (/^(\S+):$/) { $name = $1 }
    elsif (/^  Candidate: (\S+)$/ && defined $name) { $found{$name} = $1 eq "(none)" ? "-" : $1 }
  }
  %found;
}
# Of all jails of this host, so that they make one question of it.
sub all_names {
  my %names;
  for my $file (glob "/var/lib/pulumi-jail/jails/*/generations/*.host /var/lib/pulumi-jail/edge/haproxy/generations/*.host") {
    $names{(split /\t/)[0]} = 1 for split /\n/, text_of($file) // "";
  }
  keys %names;
}
sub index_files {
  my $suite = shift;
  return ("/etc/apt", glob("/etc/apt/*.list /etc/apt/preferences /etc/apt/apt.conf /etc/apt/*.d /etc/apt/*.d/*"), "/var/lib/dpkg/status",
    "/var/lib/apt/lists", glob "/var/lib/apt/lists/*_{Packages,InRelease,Release}*") if $suite eq "";
  glob "$run/suites/$suite/lists/*_{Packages,InRelease,Release}*";
}
# The suite's sources, keys and packages, and an index of its own; nothing of the host's.
sub suite_options {
  my $suite = shift;
  my $tree = "/var/lib/pulumi-jail/suites/$suite/tree";
  my %option = ("Dir::Etc::sourcelist" => "$tree/etc/apt/sources.list", "Dir::Etc::sourceparts" => "/dev/null",
    "Dir::Etc::preferences" => "/dev/null", "Dir::Etc::preferencesparts" => "/dev/null",
    "Dir::Etc::trusted" => "/dev/null", "Dir::Etc::trustedparts" => "$tree/etc/apt/trusted.gpg.d",
    "Dir::State::status" => "$tree/var/lib/dpkg/status", "Dir::State::lists" => "$run/suites/$suite/lists",
    "Dir::Cache" => "$run/suites/$suite/cache", "Dir::Cache::pkgcache" => "", "Dir::Cache::srcpkgcache" => "",
    "APT::Sandbox::User" => "root", "Acquire::Languages" => "none", "Acquire::GzipIndexes" => "true");
  map { ("-o", "$_=$option{$_}") } sort keys %option;
}
# refresh_index SUITE: asks its mirror at most once an hour, for a minute at most. False when the mirror did not answer;
# what was there before still holds.
sub refresh_index {
  my $suite = shift;
  my $place = "$run/suites/$suite";
  my $sources = text_of("/var/lib/pulumi-jail/suites/$suite/tree/etc/apt/sources.list") // return 0;
  # A snapshot is as it was when the jail was built.
  return 1 if $sources =~ /check-valid-until=no/;
  mkdir $_, 0700 for $run, "$run/suites", $place, "$place/lists", "$place/cache";
  open my $lock, ">>", "$place/lock" or return 0;
  flock $lock, LOCK_EX;
  my @asked = stat "$place/asked";
  if (!@asked || time - $asked[9] >= 3600) {
    my $child = fork // return 0;
    if (!$child) {
      open STDOUT, ">", "/dev/null";
      open STDERR, ">", "$place/error";
      exec "timeout", "60", "apt-get", "-q", suite_options($suite), "update";
      exit 1;
    }
    waitpid $child, 0;
    # What apt could not fetch is but a warning to it.
    write_kept("$place/asked", $? || -s "$place/error" ? "failed\n" : "");
  }
  !length(text_of("$place/asked") // "");
}
sub held {
  my %held;
  for (split /\n\n/, text_of("/var/lib/dpkg/status") // "") { $held{$1} = 1 if /^Status: hold /m && /^Package: (.*)$/m }
  \%held;
}
# stale SUITE HOST-FILE-TEXT: lists NAME COUNT WAS IS, of a generation's packages that are older than what there is.
sub stale {
  my ($suite, $text) = @_;
  my @lines = map { [split /\t/] } split /\n/, $text // "";
  my %is = candidates($suite, 0, map { $_->[0] } @lines);
  map { [@$_[0 .. 2], $is{$_->[0]}] } grep {
    my $is = $is{$_->[0]};
    $is ne "-" && $_->[2] ne "-" && newer($is, $_->[2]) && newer($is, $_->[3] // "0")
  } @lines;
}
# newer ONE OTHER: as dpkg compares versions (deb-version(7)).
sub newer {
  my ($one, $other) = map { /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/; [$1 // 0, $2, $3 // ""] } @_;
  ($$one[0] <=> $$other[0] || compare_part($$one[1], $$other[1]) || compare_part($$one[2], $$other[2])) > 0;
}
sub compare_part {
  my ($one, $other) = @_;
  while (length $one || length $other) {
    my ($x, $y) = map { s/^(\D*)//; $1 } $one, $other;
    for my $i (0 .. (length $x > length $y ? length $x : length $y)) {
      my $order = weight(substr $x, $i, 1) <=> weight(substr $y, $i, 1);
      return $order if $order;
    }
    my ($n, $m) = map { s/^0*(\d*)//; $1 } $one, $other;
    my $order = length $n <=> length $m || $n cmp $m;
    return $order if $order;
  }
  0;
}
sub weight { my $c = shift // ""; $c eq "" ? 0 : $c eq "~" ? -1 : $c =~ /[A-Za-z]/ ? ord $c : ord($c) + 256 }
PERL
}
