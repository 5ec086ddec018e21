# shellcheck shell=sh
# ask_files PATH..: a line per path: `absent`, or `TYPE MODE USER GROUP SIZE SHA256|- TARGET|-`, with % escapes in TARGET.
# Absent is only what the kernel says is not there; any other error fails the question.
ask_files() {
  perl -e '
    use Errno qw(ENOENT ENOTDIR);
    my %types = (0100000, "file", 0040000, "directory", 0120000, "link", 0020000, "character", 0060000, "block", 0010000, "fifo", 0140000, "socket");
    my (@lines, @regular);
    for my $path (@ARGV) {
      my @stat = lstat $path;
      if (!@stat) {
        die "cannot look at $path: $!\n" unless $! == ENOENT || $! == ENOTDIR;
        push @lines, ["absent"];
        next;
      }
      my $type = $types{$stat[2] & 0170000} // "other";
      my $target = "-";
      if ($type eq "link") {
        $target = readlink($path) // die "cannot read the link $path: $!\n";
        $target =~ s/([^!-\$&-~])/sprintf "%%%02X", ord $1/ge;
      }
      my $line = [$type, sprintf("%04o", $stat[2] & 07777), scalar getpwuid($stat[4]) // $stat[4],
        scalar getgrgid($stat[5]) // $stat[5], $stat[7], "-", $target];
      push @lines, $line;
      push @regular, [$path, $line] if $type eq "file";
    }
    while (my @some = splice @regular, 0, 500) {
      open my $sums, "-|", "sha256sum", "--", map { $$_[0] } @some or die "cannot run sha256sum: $!\n";
      for my $file (@some) {
        my $sum = readline $sums;
        (defined $sum && $sum =~ /^\\?([0-9a-f]{64}) /) or die "cannot hash $$file[0]\n";
        $$file[1][5] = $1;
      }
      close $sums or die "sha256sum failed\n";
    }
    print "@$_\n" for @lines;
  ' -- "$@"
}

# ask_read PATH: `absent`, or `present` and the bytes. A link is followed; what is no file is an error.
ask_read() {
  perl -e '
    use Errno qw(ENOENT ENOTDIR); use Fcntl;
    my $path = shift;
    if (!sysopen my $in, $path, O_RDONLY | O_NONBLOCK) {
      die "cannot read $path: $!\n" unless $! == ENOENT || $! == ENOTDIR;
      print "absent\n";
    } else {
      -f $in or die "$path is no regular file\n";
      print "present\n";
      while (my $n = sysread $in, my $buffer, 1 << 20 // die "cannot read $path: $!\n") { print $buffer }
    }
  ' -- "$1"
}
