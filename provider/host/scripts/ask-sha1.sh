# shellcheck shell=sh
# ask_sha1 TREE: the content is a path of the tree per line, escaped as in entries. `SHA1 TAB PATH` for each regular file that is there.
ask_sha1() {
  perl -e "$(generation_look_source)"'
    my ($tree, $wanted) = @ARGV;
    my @paths = grep { my @stat = status($tree . bare($_)); @stat && ($stat[2] & 0170000) == 0100000 } split /\n/, text_of($wanted);
    while (my @some = splice @paths, 0, 200) {
      open my $sums, "-|", "sha1sum", "--", map { $tree . bare($_) } @some or failed("cannot run sha1sum");
      for my $path (@some) {
        my $sum = readline $sums;
        (defined $sum && $sum =~ /^\\?([0-9a-f]{40}) /) or die "cannot hash $path\n";
        print "$1\t$path\n";
      }
      close $sums or die "sha1sum failed\n";
    }
  ' -- "$1" "$CONTENT"
}
