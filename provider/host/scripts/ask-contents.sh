# shellcheck shell=sh
# ask_contents ROOT: the content is a line `PACKAGE|- TAB PATH` for each file. Prints `PATH TAB HEX` for those whose bytes
# no package has, made or changed by maintainer scripts or by hand: text of at most 64 KB each, 1 MB together, no keys.
ask_contents() {
  perl -e "$(generation_look_source)$(contents_ask_source)" -- "$1" "$CONTENT"
}

contents_ask_source() {
  cat <<'PERL'
my ($root, $wanted) = @ARGV;
my @files = map { my ($package, $path) = map { bare($_) } split /\t/; { package => $package, path => $path } } split /\n/, text_of($wanted);
my %shipped;
for my $list (glob "$root/var/lib/dpkg/info/*.md5sums") {
  for (split /\n/, text_of($list) // "") { $shipped{"/$2"} = $1 if /^([0-9a-f]{32})  (.*)$/ }
}
for (split /\n\n/, text_of("$root/var/lib/dpkg/status") // "") {
  next unless /^Conffiles:\n((?: .*\n?)+)/m;
  for (split /\n/, $1) { $shipped{$1} = $2 if m{^ (/.*) ([0-9a-f]{32})} }
}
sub shipped { my $path = shift; $shipped{$path} // ($path =~ m{^/usr(/(?:bin|sbin|lib\w*)/.*)$} ? $shipped{$1} : undef) }
my %sum;
my @paths = map { $root . $_->{path} } grep { $_->{package} ne "-" && defined shipped($_->{path}) } @files;
while (my @some = splice @paths, 0, 200) {
  open my $in, "-|", "md5sum", "--", @some or failed("cannot run md5sum");
  for (@some) { my $line = readline $in; $sum{$_} = $1 if defined $line && $line =~ /^\\?([0-9a-f]{32}) / }
  close $in;
}
my $total = 0;
for my $file (@files) {
  my $path = $root . $file->{path};
  next if $file->{package} ne "-" && ($sum{$path} // "") eq (shipped($file->{path}) // "");
  my @stat = status($path);
  next unless @stat && ($stat[2] & 0170000) == 0100000 && $stat[7] <= 65536 && $total + $stat[7] <= 1048576;
  my $text = text_of($path);
  next if $text =~ /\0/ || $text =~ /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
  $total += $stat[7];
  print shown($file->{path}), "\t", unpack("H*", $text), "\n";
}
PERL
}
