# shellcheck shell=sh
# Generations below BASE/generations. What is being built is `.build-DIGEST`, what is being removed `.DIGEST.pulumi-jail-doomed`: only
# what is complete has its digest as its name, and the next run sweeps what a killed one left.

# step_generation_begin BASE DIGEST <entries
step_generation_begin() {
  generation_open "$1"
  sweep_generations "$1"
  mkdir -- "$1/generations/.build-$2" "$1/generations/.build-$2/content"
  cat -- "$CONTENT" >"$1/generations/.build-$2/entries"
  case $(sha256sum <"$1/generations/.build-$2/entries") in
    "$2"*) ;;
    *) die 1 "the entries are not those of $2" ;;
  esac
}

# step_generation_part BASE DIGEST manifest.json|launch.json|packages <its text
step_generation_part() { cat -- "$CONTENT" >"$1/generations/.build-$2/$3"; }

# step_generation_content BASE DIGEST SHA256 <a file's bytes, which come from the resource's inputs
step_generation_content() {
  generation_open "$1"
  mkdir -p -- "$1/generations/.build-$2/content"
  cat -- "$CONTENT" >"$1/generations/.build-$2/content/$3"
}

# step_generation_build BASE DIGEST SOURCE|- FROM|-: SOURCE is a build root, FROM a generation whose libraries this one has,
# by its digest or, of another jail, by its tree.
step_generation_build() {
  perl -e "$(generation_look_source)$(generation_build_source)$(generation_kept_source)$(candidates_source)$(generation_assemble_source)" -- "$@"
}

# step_generation_mend BASE DIGEST SOURCE|-: in place, from the store, from contents sent before, or from SOURCE.
step_generation_mend() {
  perl -e "$(generation_look_source)$(generation_build_source)$(generation_mend_source)" -- "$@"
  rm -rf -- "$1/generations/.build-$2"
}

# step_generation_prune BASE CURRENT KEEP: removes surplus generations that no service uses, then what the store alone has.
step_generation_prune() {
  sweep_generations "$1"
  perl -e "$(generation_look_source)$(generation_kept_source)"'
    my ($base, $current, $keep) = @ARGV;
    my $used = used($base);
    my @spare = grep { $_ ne $current && !$used->{$_} } kept($base);
    print "$_\n" for splice @spare, $keep;
  ' -- "$1" "$2" "$3" >"$SPOOL/surplus"
  while IFS= read -r surplus; do remove_tree "$1/generations/$surplus"; done <"$SPOOL/surplus"
  sweep_generations "$1"
  sweep_store
}

# step_generation_remove BASE: all generations of it, used or not: the plan has made sure that none is.
step_generation_remove() {
  remove_tree "$1/generations"
  sweep_store
}

generation_open() {
  refuse_symlinks "$1/generations"
  make_path "$1/generations"
}

sweep_generations() {
  for unfinished in "$1"/generations/.build-* "$1"/generations/.*.pulumi-jail-doomed; do
    [ ! -e "$unfinished" ] || remove_tree "$unfinished"
  done
  for beside in "$1"/generations/????????????????.*; do
    beside_name=${beside##*/}
    [ -d "$1/generations/${beside_name%%.*}" ] || rm -f -- "$beside"
  done
}

# A file with one name only is in no tree. Builders have the lock shared meanwhile, so none loses what it just put there.
sweep_store() {
  perl -e "$(generation_look_source)$(generation_build_source)"'
    exit unless status($store);
    my $lock = lock_store(LOCK_EX);
    for my $rack (glob "$store/sha256/*") {
      for my $shelf (glob "$rack/*") { my @stat = lstat $shelf; unlink $shelf if @stat && $stat[3] == 1 }
      rmdir $rack;
    }
    rmdir "$store/sha256";
    rmdir $store;
  '
}

generation_assemble_source() {
  cat <<'PERL'
my ($base, $digest, $source, $from) = @ARGV;
my $final = "$base/generations/$digest";
my $work = "$base/generations/.build-$digest";
my $entries = entries_in(text_of("$work/entries"));
my $lock = lock_store(LOCK_SH);
my $last = $from =~ m{^/} ? $from : "$base/generations/$from";
sub gone { print STDERR "$last is gone\n"; exit 4 }
status("$last.sums") || gone() if $last eq $from;
my $before = $from eq "-" ? {} : sums_in(text_of("$last.sums"));
my $sums = { ldconfig => $source eq "-" ? $before->{ldconfig} // "" : library_places($source) };
my $there = status($final);
my $had = $there ? sums_in(text_of("$final.sums")) : {};
my $copied = make_equal($there ? $final : "$work/tree", $entries, { %$had, %$sums }, $work, $source);
my ($made) = grep { $_->{value} eq "made" } @$entries;
if ($made) { my $path = ($there ? $final : "$work/tree") . $made->{path}; $sums->{$made->{path}} = hash_of($path)->{$path} }

# What apt would install instead makes the jail stale, but for what a build root could not be brought up to either.
my $late = text_of($source eq "-" ? "$last.host" : above($source) . "/late") // "";
my %late = map { my ($name, undef, undef, $version) = split /\t/; defined $version ? ($name => $version) : () } split /\n/, $late;
my @packages = split /\n/, text_of("$work/packages");
write_file("$work/host", join "", map { my ($name) = split /\t/; defined $late{$name} ? "$_\t$late{$name}\n" : "$_\n" } @packages);
my @parts = ("manifest.json", "launch.json", "host");
# Without a build root, the seed is the one of the generation whose packages this one has.
if ($from ne "-" && $before->{"seed.tar.gz"} && !status("$work/seed.tar.gz")) {
  $sums->{"seed.tar.gz"} = $before->{"seed.tar.gz"};
  status("$last.seed.tar.gz") || gone() if $last eq $from;
  !status("$last.seed.tar.gz") or link "$last.seed.tar.gz", "$work/seed.tar.gz" or failed("cannot link the seed of $from");
}
if (status("$work/seed.tar.gz")) { push @parts, "seed.tar.gz" } elsif (!$sums->{"seed.tar.gz"}) { unlink "$final.seed.tar.gz" }
my $hash = hash_of(map { "$work/$_" } @parts);
$sums->{$_} = $hash->{"$work/$_"} for @parts;
write_file("$work/sums", join "", map { "$_ $sums->{$_}\n" } sort keys %$sums);
system("sync", "-f", $work) if $copied > 8;
# A build root of the host's own apt says "-" where another one names its suite.
candidates("", 1, map { (split /\t/)[0] } @packages) if $source ne "-" && (text_of(above($source) . "/suite") // "-") =~ /^-?$/;
for my $name ("entries", @parts, "sums") { rename "$work/$name", "$final.$name" or failed("cannot rename to $final.$name") }
$there or rename "$work/tree", $final or failed("cannot rename to $final");
close $lock;
discard($work);
PERL
}

generation_mend_source() {
  cat <<'PERL'
my ($base, $digest, $source) = @ARGV;
my $final = "$base/generations/$digest";
my $work = "$base/generations/.build-$digest";
mkdir $work, 0700;
my $lock = lock_store(LOCK_SH);
my $sums = sums_in(text_of("$final.sums"));
my $made = $sums->{"/etc/ld.so.cache"} // "";
make_equal($final, entries_in(text_of("$final.entries")), $sums, $work, $source);
my $seeded = status("$work/seed.tar.gz");
if ($seeded) {
  $sums->{"seed.tar.gz"} = hash_of("$work/seed.tar.gz")->{"$work/seed.tar.gz"};
  rename "$work/seed.tar.gz", "$final.seed.tar.gz" or failed("cannot rename to $final.seed.tar.gz");
}
if ($seeded || ($sums->{"/etc/ld.so.cache"} // "") ne $made) {
  write_file("$work/sums", join "", map { "$_ $sums->{$_}\n" } sort keys %$sums);
  rename "$work/sums", "$final.sums" or failed("cannot rename to $final.sums");
}
PERL
}
