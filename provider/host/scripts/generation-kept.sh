# shellcheck shell=sh
# Which generations there are and which of them are in use.
generation_kept_source() {
  cat <<'PERL'
# Complete ones, the newest first; a later run of the same digest makes it new again.
sub kept {
  my $base = shift;
  my %time;
  if (opendir my $in, "$base/generations") {
    for (grep { /^[0-9a-f]{16}$/ } readdir $in) { my @stat = status("$base/generations/$_.sums"); $time{$_} = @stat ? $stat[9] : 0 }
  } elsif ($! != ENOENT && $! != ENOTDIR) { failed("cannot list $base/generations") }
  sort { $time{$b} <=> $time{$a} || $a cmp $b } keys %time;
}
# By digest, who uses it: the slots of our services (a line `JAIL DIGEST` each), and any unit that names the tree.
sub used {
  my $base = shift;
  my ($jail) = $base =~ m{/jails/([^/]+)$};
  my %used;
  for my $file (glob "/var/lib/pulumi-jail/services/*/[ab]/uses") {
    my ($name) = $file =~ m{/services/([^/]+)/};
    for (split /\n/, text_of($file) // "") { my ($of, $digest) = split / /; push @{$used{$digest}}, "service $name" if defined $jail && $of eq $jail }
  }
  for my $file (glob "/etc/systemd/system/*.service /etc/systemd/system/*.service.d/*.conf") {
    next if -l $file;
    my ($unit) = $file =~ m{^/etc/systemd/system/([^/]+?)(?:\.d/[^/]+)?$};
    my $text = text_of($file) // "";
    while ($text =~ m{\Q$base\E/generations/([0-9a-f]{16})}g) { push @{$used{$1}}, $unit }
  }
  \%used;
}
PERL
}
