# shellcheck shell=sh
# A generation compared with its entries file (provider/manifest/entries.ts). Perl, for one lstat and one hash per file;
# perl-base has neither JSON nor SHA, so entries are lines and sha256sum hashes.
generation_look_source() {
  cat <<'PERL'
use strict;
use Errno qw(ENOENT ENOTDIR ENOSPC EDQUOT EROFS);
use Fcntl qw(:DEFAULT :flock);
my $store = "/var/lib/pulumi-jail/store";
my %letters = (0100000, "f", 0040000, "d", 0120000, "l", 0020000, "c");

sub failed {
  my $why = $! + 0;
  print STDERR "$_[0]: $!\n";
  exit($why == ENOSPC || $why == EDQUOT ? 28 : $why == EROFS ? 30 : 1);
}
sub bare { my $text = shift; $text =~ s/\\([tn\\])/$1 eq "t" ? "\t" : $1 eq "n" ? "\n" : "\\"/ge; $text }
sub shown { my $text = shift; $text =~ s/([\\\t\n])/$1 eq "\t" ? "\\t" : $1 eq "\n" ? "\\n" : "\\\\"/ge; $text }
sub above { my $path = shift; $path =~ s{/[^/]*$}{}; $path }
sub shelf { my ($hash, $mode) = @_; "$store/sha256/" . substr($hash, 0, 2) . "/" . substr($hash, 2) . ".$mode" }

# Absent is only what the kernel says is not there.
sub status {
  my @stat = lstat $_[0];
  failed("cannot look at $_[0]") if !@stat && $! != ENOENT && $! != ENOTDIR;
  @stat;
}
sub text_of {
  my $path = shift;
  if (!sysopen my $in, $path, O_RDONLY | O_NOFOLLOW) {
    failed("cannot read $path") if $! != ENOENT && $! != ENOTDIR;
    return undef;
  } else {
    local $/;
    return readline($in) // "";
  }
}
sub hash_of {
  my %hash;
  while (my @some = splice @_, 0, 200) {
    open my $sums, "-|", "sha256sum", "--", @some or failed("cannot run sha256sum");
    for my $path (@some) {
      my $sum = readline $sums;
      (defined $sum && $sum =~ /^\\?([0-9a-f]{64}) /) or die "cannot hash $path\n";
      $hash{$path} = $1;
    }
    close $sums or die "sha256sum failed\n";
  }
  \%hash;
}
sub sums_in {
  my %sums;
  for (split /\n/, $_[0] // "") { my ($name, $value) = split / /, $_, 2; $sums{bare($name)} = $value }
  \%sums;
}
# The tree's own directory is an entry too, with the empty path.
sub entries_in {
  my @entries = { kind => "d", mode => 0755, value => "-", path => "" };
  for my $line (split /\n/, $_[0]) {
    my ($kind, $mode, undef, undef, undef, $value, $path) = map { bare($_) } split /\t/, $line, -1;
    die "no entry: $line\n" unless defined $path && $kind =~ /^[dflc]$/ && $mode =~ /^[0-7]{4}$/;
    die "not a plain path: $path\n" if $path !~ m{^/[^/]} || "$path/" =~ m{//|/\.\.?/};
    push @entries, { kind => $kind, mode => oct $mode, value => $value, path => $path };
  }
  \@entries;
}
sub device_of { my $r = shift; "c " . (($r >> 8) & 0xfff) . ":" . (($r & 0xff) | (($r >> 12) & 0xfff00)) }

# compare TREE ENTRIES SUMS: a list of [WHAT, PATH, WAS, IS].
sub compare {
  my ($tree, $entries, $sums) = @_;
  my (@found, %wanted, %sound, %inode, @files);
  for my $entry (@$entries) {
    my ($path, $kind) = @$entry{"path", "kind"};
    $wanted{$path} = 1;
    # A parent that is no directory may be a link to anywhere: nothing is looked up through it.
    my @stat = $path eq "" || $sound{above($path)} ? status($tree . $path) : ();
    if (!@stat) { push @found, ["missing", $path, "-", "-"]; next }
    my $is = $letters{$stat[2] & 0170000} // "other";
    if ($is ne $kind) { push @found, ["kind", $path, $kind, $is]; next }
    $sound{$path} = 1 if $kind eq "d";
    my $mode = $stat[2] & 07777;
    push @found, ["mode", $path, sprintf("%04o", $entry->{mode}), sprintf("%04o", $mode)] if $kind ne "l" && $mode != $entry->{mode};
    push @found, ["owner", $path, "root:root", (getpwuid($stat[4]) // $stat[4]) . ":" . (getgrgid($stat[5]) // $stat[5])] if $stat[4] || $stat[5];
    push @found, ["device", $path, $entry->{value}, device_of($stat[6])] if $kind eq "c" && device_of($stat[6]) ne $entry->{value};
    if ($kind eq "l") {
      my $target = readlink($tree . $path) // failed("cannot read the link $tree$path");
      push @found, ["target", $path, $entry->{value}, $target] if $target ne $entry->{value};
    }
    push @files, [$entry, "$stat[0]:$stat[1]"] if $kind eq "f";
  }
  push @found, strangers($tree, "", \%wanted, \%sound);
  # An inode is hashed once, however many names it has.
  my %first = map { $$_[1] => $tree . $$_[0]{path} } reverse @files;
  my $hash = hash_of(values %first);
  my (%good, @lost);
  for my $file (@files) {
    my ($entry, $inode) = @$file;
    my $is = $hash->{$first{$inode}};
    my $was = $entry->{value} eq "made" ? $sums->{$entry->{path}} // "-" : $entry->{value};
    push @found, ["changed", $entry->{path}, $was, $is] if $is ne $was;
    $good{$entry->{path}} = $inode if $is eq $was;
  }
  (@found, compare_store($tree, $entries, \%good));
}

# The store's own entries: those that are gone, and, of files that are not good in the tree, those that are not either.
sub compare_store {
  my ($tree, $entries, $good) = @_;
  my (%found, @doubted, %seen);
  for my $entry (@$entries) {
    next if $entry->{kind} ne "f" || $entry->{value} eq "made";
    my $shelf = shelf($entry->{value}, sprintf "%04o", $entry->{mode});
    $seen{$shelf} = $entry if !$seen{$shelf} || defined $good->{$entry->{path}};
  }
  for my $shelf (sort keys %seen) {
    my @stat = status($shelf);
    my $inode = $good->{$seen{$shelf}{path}} // "";
    if (!@stat) { $found{$shelf} = "missing" }
    elsif ("$stat[0]:$stat[1]" ne $inode) { push @doubted, $shelf }
  }
  my $hash = hash_of(@doubted);
  for my $shelf (@doubted) { $found{$shelf} = "changed" if $hash->{$shelf} ne $seen{$shelf}{value} }
  map {
    my $entry = $seen{$_};
    my $at = defined $good->{$entry->{path}} ? "tree" : on_host($entry) ? "host" : "nowhere";
    ["store-$found{$_}", $entry->{path}, $entry->{value}, $at];
  } sort keys %found;
}
sub on_host {
  my $entry = shift;
  my @stat = status($entry->{path});
  @stat && ($stat[2] & 0170000) == 0100000 && hash_of($entry->{path})->{$entry->{path}} eq $entry->{value};
}
sub strangers {
  my ($tree, $directory, $wanted, $sound) = @_;
  return () unless $sound->{$directory};
  opendir my $in, $tree . $directory or failed("cannot list $tree$directory");
  my @names = sort grep { $_ ne "." && $_ ne ".." } readdir $in;
  map {
    my $path = "$directory/$_";
    $wanted->{$path} ? strangers($tree, $path, $wanted, $sound) : ["unexpected", $path, "-", "-"];
  } @names;
}
PERL
}
