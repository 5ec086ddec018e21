# shellcheck shell=sh
# ask_generation BASE DIGEST: `WHAT TAB PATH TAB WAS TAB IS` for each thing that is not as it was built; nothing when all
# is. The entries file proves itself: the digest is the beginning of its hash.
ask_generation() {
  perl -e "$(generation_look_source)$(generation_ask_source)" -- "$@"
}

generation_ask_source() {
  cat <<'PERL'
my ($base, $digest) = @ARGV;
my $tree = "$base/generations/$digest";
my @found;
if (!status($tree)) {
  @found = ["gone", "-", "-", "-"];
} else {
  my $sums = sums_in(text_of("$tree.sums"));
  my @seed = $sums->{"seed.tar.gz"} ? "seed.tar.gz" : ();
  my @beside = ("entries", "manifest.json", "launch.json", "host", "sums", @seed);
  my @there = grep { status("$tree.$_") } @beside;
  my %there = map { $_ => 1 } @there;
  push @found, ["meta", $_, "-", "missing"] for grep { !$there{$_} } @beside;
  my $hash = hash_of(map { "$tree.$_" } @there);
  for my $name (grep { $there{$_} } "manifest.json", "launch.json", "host", @seed) {
    push @found, ["meta", $name, "-", "changed"] if $there{sums} && $hash->{"$tree.$name"} ne ($sums->{$name} // "");
  }
  if ($there{entries}) {
    if (substr($hash->{"$tree.entries"}, 0, 16) ne $digest) { push @found, ["meta", "entries", "-", "changed"] }
    else { push @found, compare($tree, entries_in(text_of("$tree.entries")), $sums) }
  }
}
print join("\t", map { shown($_) } @$_), "\n" for @found;
PERL
}
