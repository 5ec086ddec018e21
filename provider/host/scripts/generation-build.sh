# shellcheck shell=sh
# A tree made equal to its entries, fresh or in place: each file by an atomic rename, its bytes from the store.
generation_build_source() {
  cat <<'PERL'
use IO::Handle;
# Builders share the store, its sweeper has it alone; the lock is on the directory itself, so that no lock file is left.
sub lock_store {
  my $how = shift;
  for (1 .. 100) {
    mkdir $store, 0700;
    sysopen my $lock, $store, O_RDONLY | O_DIRECTORY or $! == ENOENT ? next : failed("cannot open $store");
    flock $lock, $how or failed("cannot lock $store");
    my @held = stat $lock;
    my @named = lstat $store;
    return $lock if @named && $held[1] == $named[1];
  }
  die "cannot lock $store\n";
}
# Nothing is ever deleted through a mount (law 7).
sub discard {
  my $path = shift;
  return unless status($path);
  open my $mounts, "<", "/proc/self/mountinfo" or failed("cannot read mountinfo");
  while (defined(my $mount = readline $mounts)) {
    (my $at = (split / /, $mount)[4]) =~ s/\\([0-7]{3})/chr oct $1/ge;
    die "$at is mounted; it is not deleted through\n" if $at eq $path || index($at, "$path/") == 0;
  }
  system("rm", "-rf", "--one-file-system", "--", $path) == 0 or die "cannot remove $path\n";
}
sub copy {
  my ($from, $to) = @_;
  sysopen my $in, $from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return 0;
  return 0 unless -f $in;
  unlink $to;
  sysopen my $out, $to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or failed("cannot create $to");
  while (my $n = sysread($in, my $buffer, 1 << 20) // failed("cannot read $from")) {
    for (my $done = 0; $done < $n;) { $done += syswrite($out, $buffer, $n - $done, $done) // failed("cannot write $to") }
  }
  close $out or failed("cannot close $to");
  1;
}
# fill ENTRIES WORK PLACES: the store gets what it lacks; a place is a function from an entry to a path that may hold it.
sub fill {
  my ($entries, $work, @places) = @_;
  my %wanted = map { shelf($_->{value}, sprintf "%04o", $_->{mode}) => $_ } reverse @$entries;
  my @there = grep { status($_) } keys %wanted;
  my $hash = hash_of(@there);
  for my $shelf (@there) {
    next if $hash->{$shelf} ne $wanted{$shelf}{value};
    chown 0, 0, $shelf or failed("cannot chown $shelf");
    chmod $wanted{$shelf}{mode}, $shelf or failed("cannot chmod $shelf");
    delete $wanted{$shelf};
  }
  my $copied = 0;
  for my $place (@places) {
    my %copies;
    for my $shelf (sort keys %wanted) {
      my $from = $place->($wanted{$shelf}) // next;
      my $new = "$work/copy." . keys %copies;
      $copies{$new} = $shelf if copy($from, $new);
    }
    $hash = hash_of(sort keys %copies);
    for my $new (sort keys %copies) {
      my $shelf = $copies{$new};
      if ($hash->{$new} ne $wanted{$shelf}{value}) { unlink $new; next }
      chown 0, 0, $new or failed("cannot chown $new");
      chmod $wanted{$shelf}{mode}, $new or failed("cannot chmod $new");
      if ($copied++ < 8) { sysopen(my $out, $new, O_RDONLY) or failed("cannot open $new"); $out->sync }
      mkdir "$store/sha256", 0700;
      mkdir above($shelf), 0700;
      rename $new, $shelf or failed("cannot rename to $shelf");
      delete $wanted{$shelf};
    }
  }
  if (my ($lost) = sort { $a->{path} cmp $b->{path} } values %wanted) {
    print STDERR "nowhere to be had: $lost->{path} (sha256 $lost->{value})", (keys %wanted > 1 ? " and " . (keys(%wanted) - 1) . " more" : ""), "\n";
    exit 4;
  }
  $copied;
}
# Puts one entry into the tree; what was there of another kind is gone by then.
sub place {
  my ($tree, $entry) = @_;
  my ($kind, $mode) = @$entry{"kind", "mode"};
  my $path = $tree . $entry->{path};
  if ($kind eq "d") {
    status($path) or mkdir $path, 0700 or failed("cannot make $path");
    chown 0, 0, $path or failed("cannot chown $path");
    chmod $mode, $path or failed("cannot chmod $path");
    return;
  }
  my $new = above($path) . "/.pulumi-jail-new";
  unlink $new;
  if ($kind eq "f") {
    my $shelf = shelf($entry->{value}, sprintf "%04o", $mode);
    my (@is, @was) = ();
    @is = status($path);
    @was = status($shelf);
    return if @is && @was && $is[1] == $was[1] && $is[0] == $was[0];
    link $shelf, $new or failed("cannot link $shelf to $new");
  } elsif ($kind eq "l") {
    symlink $entry->{value}, $new or failed("cannot make the link $new");
  } else {
    $entry->{value} =~ /^c (\d+):(\d+)$/ or die "no device: $entry->{value}\n";
    system("mknod", "-m", sprintf("%04o", $mode), "--", $new, "c", $1, $2) == 0 or die "cannot make the device $new\n";
    chown 0, 0, $new or failed("cannot chown $new");
  }
  rename $new, $path or failed("cannot rename to $path");
  unlink $new;
}
# The cache of the libraries in this tree. What ldconfig writes besides is taken away again.
sub make_cache {
  my ($tree, $entries, $places) = @_;
  my %wanted = map { $_->{path} => $_->{kind} } @$entries;
  my @places = grep { m{^/} && ($wanted{$_} // "") eq "d" } split /:/, $places;
  system("ldconfig", "-X", "-r", $tree, @places) == 0 or die "ldconfig failed\n";
  unlink "$tree/var/cache/ldconfig/aux-cache";
  for my $path ("/var/cache/ldconfig", "/var/cache", "/var") { rmdir $tree . $path unless $wanted{$path} }
  my $cache = "$tree/etc/ld.so.cache";
  chown 0, 0, $cache or failed("cannot chown $cache");
  chmod 0644, $cache or failed("cannot chmod $cache");
  hash_of($cache)->{$cache};
}
sub library_places {
  my $source = shift;
  my (@places, %seen);
  for my $file ("$source/etc/ld.so.conf", sort glob "$source/etc/ld.so.conf.d/*.conf") {
    push @places, grep { m{^/[^:\s]+$} && !$seen{$_}++ } split /\n/, text_of($file) // "";
  }
  join ":", @places;
}
# make_equal TREE ENTRIES SUMS WORK SOURCE: how many files the store lacked.
sub make_equal {
  my ($tree, $entries, $sums, $work, $source) = @_;
  my $fresh = !status($tree);
  my @found = $fresh ? () : compare($tree, $entries, $sums);
  for my $finding (@found) { discard($tree . $$finding[1]) if $$finding[0] eq "unexpected" || $$finding[0] eq "kind" }
  my %bad = map { $_->[1] => 1 } grep { $_->[0] ne "unexpected" } @found;
  my @todo = $fresh ? @$entries : grep { $bad{$_->{path}} } @$entries;
  my ($made) = grep { $_->{value} eq "made" } @todo;
  @todo = grep { $_->{value} ne "made" } @todo;
  my $copied = fill([grep { $_->{kind} eq "f" } @todo], $work,
    sub { "$work/content/$_[0]{value}" },
    sub { $fresh ? undef : $tree . $_[0]{path} },
    sub { $source eq "-" ? undef : $source . $_[0]{path} });
  place($tree, $_) for @todo;
  if ($made) {
    $made->{path} eq "/etc/ld.so.cache" or die "nothing makes $made->{path}\n";
    $sums->{$made->{path}} = make_cache($tree, $entries, $sums->{ldconfig} // "");
  }
  $copied;
}
sub write_file {
  my ($path, $text) = @_;
  unlink $path;
  sysopen my $out, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or failed("cannot create $path");
  print $out $text and $out->flush or failed("cannot write $path");
  $out->sync or failed("cannot sync $path");
  close $out or failed("cannot close $path");
}
PERL
}
