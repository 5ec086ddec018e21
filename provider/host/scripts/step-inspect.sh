# shellcheck shell=sh
# What is there in a build root of all that a trace names, and what that needs in turn. The host only looks; which of it
# goes into the jail is decided by provider/discovery.

# step_inspect_build_root ID WORD..: `include:GLOB`, `path:PATH`, `soname:NAME`, `package:NAME`, `below:DIRECTORY`, in any number. Prints
# trace and inventory as base64 of gzip of sections `NAME LENGTH\n` + bytes + newline.
step_inspect_build_root() {
  build=$STATE/build/$1
  shift
  perl -e "$(inspect_program)" "$build/root" "$build/log" "$@" >"$build/inventory"
  sed -n 's/^C\t\([^\t]*\)\t/\1\t\t\t/p' "$build/inventory" >"$build/late"
  perl -e '
    my @sections = (["inventory", "$ARGV[0]/inventory"], map { [m{([^/]+)$}, $_] } glob "$ARGV[0]/log/*");
    for my $section (@sections) {
      next if $$section[0] =~ /^(tmpfiles|unit)$/;
      open my $in, "<", $$section[1] or die "cannot read $$section[1]: $!\n";
      my $bytes = do { local $/; <$in> } // "";
      $bytes =~ s/^.* = -1 E[A-Z].*\n//mg if $$section[0] =~ /^\d/;
      print "$$section[0] ", length $bytes, "\n$bytes\n";
    }
  ' "$build" >"$build/sections"
  gzip -6 <"$build/sections" | base64 -w 0
  rm -f -- "$build/inventory" "$build/sections"
}

# Runs inside the build root by chroot (perl itself was loaded before), so that links resolve as they will in the jail.
inspect_program() {
  cat <<'PERL'
use strict;
my ($root, $log, @words) = @ARGV;
my (%candidates, %directories);
for my $file (glob "$log/[0-9]*.Exec*") {
  open my $in, "<", $file or die "cannot read $file: $!\n";
  while (<$in>) {
    next if / = -1 E[A-Z]/;
    my @bases = /<(\/[^>]*)>/g;
    $candidates{$_} = 1 for @bases;
    $directories{$1} = 1 if /AT_FDCWD<(\/[^>]*)>/;
    for (/"((?:[^"\\]|\\.)*)"/g) {
      my $string = /\\/ ? unescaped($_) : $_;
      if ($string =~ m{^/}) { $candidates{$string} = 1 }
      elsif ($string =~ /^[\w.]/ && length $string < 256) { $candidates{"$_/$string"} = 1 for @bases ? @bases : keys %directories }
    }
  }
  close $in;
}
for (read_lines("$log/facts")) { $candidates{$1} = 1 if /^program=(.*)$/ }
my %host;
if (open my $in, "-|", "find", "/etc", "-type", "f", "-print0") { local $/ = "\0"; while (<$in>) { chomp; $host{$_} = 1 } }
chroot $root and chdir "/" or die "cannot enter $root: $!\n";

my %users = map { my @line = split /:/; $line[2] => \@line } reverse read_lines("/etc/passwd");
my %groups = map { my @line = split /:/; $line[2] => \@line } reverse read_lines("/etc/group");
my %types = (0100000, "f", 0040000, "d", 0120000, "l", 0020000, "c", 0060000, "b", 0010000, "p", 0140000, "s");
my (%facts, %inspected, @files, @output, %wanted_packages);
my %cache = library_cache("/etc/ld.so.cache");
my ($native) = elf("/usr/bin/perl");

visit($_) for sort keys %candidates;
my $index = 0;
for my $word (@words) {
  my ($kind, $value) = $word =~ /^(\w+):(.*)$/s or die "no such word: $word\n";
  if ($kind eq "path") { visit($value) }
  elsif ($kind eq "below") { visit($_) for below($value eq "/" ? "" : $value) }
  elsif ($kind eq "package") { $wanted_packages{$value} = 1 }
  elsif ($kind eq "soname") {
    my $library = library($value, $native, []);
    if (defined $library) { visit($library); emit("L", $value, $library) }
  } elsif ($kind eq "include") {
    my @paths = $value =~ /^package:(.+)$/ ? package_files($1) : matches($value);
    for my $path (@paths) { my $real = visit($path); emit("I", $index, $path) if defined $real }
    $index++;
  }
}
# The closure: @files grows while it is worked on.
for (my $i = 0; $i < @files; $i++) { inspect($files[$i]) }

my %owners = owners();
my %origins;
my %versions = versions();
my %sums = sums(@files);
for my $path (sort keys %facts) {
  my ($type, @stat) = @{$facts{$path}};
  my $detail = $type eq "l" ? readlink $path : $type eq "f" ? $sums{$path} : $type =~ /[cb]/ ? device($stat[6]) : "-";
  my $package = $owners{$path} // "-";
  my $mark = join "", $inspected{$path} // "", $type eq "d" && !@{[entries($path)]} ? "empty" : "", ($inspected{$path} // "") eq "key" && drawn($path) ? "drawn" : "";
  emit("P", $path, $type, sprintf("%04o", $stat[2] & 07777), ($users{$stat[4]} // [$stat[4]])->[0],
    ($groups{$stat[5]} // [$stat[5]])->[0], $stat[7], $detail, $package, $versions{$package} // "-", length $mark ? $mark : "-");
}
emit("A", $_, @{$origins{$_}}) for sort grep { $origins{$_} } keys %{{ map { $_ => 1 } values %owners, keys %wanted_packages }};
emit("O", system_words());
my %late = late_packages(map { $owners{$_} // () } keys %facts);
emit("C", $_, $late{$_}) for sort keys %late;
emit("V", $_, $versions{$_}) for sort grep { defined $versions{$_} } keys %wanted_packages;
for my $user (sort { $$a[0] cmp $$b[0] } values %users) {
  emit("U", $$user[0], $$user[2], ($groups{$$user[3]} // [$$user[3]])->[0], $$user[5]);
}
emit("G", $$_[0], $$_[2], $$_[3] // "") for sort { $$a[0] cmp $$b[0] } values %groups;
print @output;

# A key that the host does not have, beside no file that it has: nobody's secret yet.
sub drawn {
  my ($directory) = $_[0] =~ m{^(/etc/.+)/};
  return defined $directory && !grep { $host{"$directory/$_"} } entries($directory);
}

sub emit { push @output, join("\t", map { s/([%\t\n])/sprintf "%%%02X", ord $1/ger } @_) . "\n" }
sub read_lines { open my $in, "<", $_[0] or return; my @lines = <$in>; chomp @lines; return @lines }
sub device { sprintf "%d:%d", ($_[0] >> 8) & 0xfff, ($_[0] & 0xff) | (($_[0] >> 12) & 0xfff00) }

sub unescaped {
  my %letters = (n => "\n", t => "\t", r => "\r", f => "\f", v => "\013");
  return $_[0] =~ s/\\(?:([0-7]{1,3})|(.))/defined $1 ? chr oct $1 : $letters{$2} \/\/ $2/gesr;
}

sub fact {
  my ($path) = @_;
  return $facts{$path} if exists $facts{$path};
  my @stat = lstat $path or return;
  my $type = $types{$stat[2] & 0170000} // "o";
  push @files, $path if $type eq "f";
  return $facts{$path} = [$type, @stat];
}

# Every component on the way and each link's; the canonical path, or nothing.
sub visit {
  my ($path) = @_;
  my @rest = split m{/+}, $path;
  my ($current, $links) = ("", 0);
  fact("/");
  while (@rest) {
    my $part = shift @rest;
    next if $part eq "" || $part eq ".";
    if ($part eq "..") { $current =~ s{/[^/]*$}{}; next }
    my $next = "$current/$part";
    return if $next =~ m{^/(proc|sys)/};
    my $fact = fact($next) or return;
    if ($$fact[0] eq "l") {
      return if ++$links > 40;
      my $target = readlink $next;
      $current = "" if $target =~ m{^/};
      unshift @rest, split m{/+}, $target;
    } else {
      return if @rest && $$fact[0] ne "d";
      $current = $next;
    }
  }
  return length $current ? $current : "/";
}

# The kernel opens interpreters and the loader libraries: neither ldd nor a trace tells the whole.
sub inspect {
  my ($path) = @_;
  open my $in, "<", $path or return;
  binmode $in;
  read $in, my $head, 65536;
  if ($head =~ /^#!\s*(\/\S+)(?:[ \t]+(\S+))?/) {
    my @interpreters = ($1);
    push @interpreters, map { "$_/$2" } qw(/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin) if $1 =~ m{/env$} && defined $2;
    for my $interpreter (@interpreters) { emit("S", $path, $interpreter) if defined visit($interpreter) }
  } elsif ($head =~ /^\x7fELF/) {
    my ($machine, $interpreter, $needed, $search) = elf($path) or return;
    visit($interpreter) if length $interpreter;
    my @found;
    for my $name (@$needed) {
      my $library = $name =~ m{/} ? $name : library($name, $machine, $search);
      push @found, $name, $library // "-";
      visit($library) if defined $library;
    }
    emit("E", $path, length $interpreter ? $interpreter : "-", @found);
  } elsif ($head =~ /-----BEGIN [A-Z ]*PRIVATE KEY-----/) {
    $inspected{$path} = "key";
  }
}

# DT_NEEDED, PT_INTERP, DT_RUNPATH (or DT_RPATH), read from the bytes: the target's own loader is never run.
sub elf {
  my ($path) = @_;
  open my $in, "<", $path or return;
  binmode $in;
  read $in, my $head, 64;
  my ($class, $data) = unpack "x4CC", $head;
  my ($e, $wide) = ($data == 2 ? ">" : "<", $class == 2);
  my ($phoff, $phentsize, $phnum) = $wide ? unpack("x32 Q$e x14 S$e S$e", $head) : unpack("x28 L$e x10 S$e S$e", $head);
  my $machine = unpack("x18 S$e", $head) . "/$class/$data";
  seek $in, $phoff, 0;
  read $in, my $table, $phentsize * $phnum;
  my ($interpreter, @loads, @dynamic) = ("");
  for my $i (0 .. $phnum - 1) {
    my $header = substr $table, $i * $phentsize, $phentsize;
    my ($type, $offset, $address, $size) = $wide ? unpack("L$e x4 Q$e Q$e x8 Q$e", $header) : unpack("L$e L$e L$e x4 L$e", $header);
    if ($type == 1) { push @loads, [$offset, $address, $size] }
    elsif ($type == 2) { @dynamic = ($offset, $size) }
    elsif ($type == 3) { seek $in, $offset, 0; read $in, $interpreter, $size; $interpreter =~ s/\0.*//s }
  }
  my (%tags, @needed);
  if (@dynamic) {
    seek $in, $dynamic[0], 0;
    read $in, my $bytes, $dynamic[1];
    my @words = unpack $wide ? "(Q$e)*" : "(L$e)*", $bytes;
    while (my ($tag, $value) = splice @words, 0, 2) { if ($tag == 1) { push @needed, $value } elsif ($tag) { $tags{$tag} = $value } else { last } }
  }
  my ($strings) = map { ($tags{5} // -1) >= $$_[1] && $tags{5} < $$_[1] + $$_[2] ? $tags{5} - $$_[1] + $$_[0] : () } @loads;
  my $string = sub { seek $in, $strings + $_[0], 0; read $in, my $text, 4096; $text =~ s/\0.*//s; $text };
  return ($machine, $interpreter, [], []) unless defined $strings;
  my $search = defined $tags{29} ? $string->($tags{29}) : defined $tags{15} ? $string->($tags{15}) : "";
  my $origin = (visit($path) // $path) =~ s{/[^/]*$}{}r;
  my @search = map { s/\$\{?ORIGIN\}?/$origin/gr } split /:/, $search;
  return ($machine, $interpreter, [map { $string->($_) } @needed], \@search);
}

my %machines;
sub library {
  my ($name, $machine, $search) = @_;
  my @places = map { "$_/$name" } @$search;
  push @places, @{$cache{$name} // []}, map { "$_/$name" } "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib";
  for my $place (@places) {
    next unless -f $place;
    $machines{$place} //= (elf($place))[0] // "none";
    return $place if $machines{$place} eq $machine;
  }
  return;
}

# The format of glibc 2.2 and later, alone or after the old one. Variants for newer processors are left out, as the next
# host may be older.
sub library_cache {
  my ($path) = @_;
  open my $in, "<", $path or return;
  binmode $in;
  my $bytes = do { local $/; <$in> };
  my $start = index $bytes, "glibc-ld.so.cache1.1";
  return if $start < 0;
  $bytes = substr $bytes, $start;
  my $count = unpack "x20 L", $bytes;
  my %found;
  for my $i (0 .. $count - 1) {
    my ($flags, $key, $value, $version, $hwcap) = unpack "LLLLQ", substr $bytes, 48 + 24 * $i, 24;
    next if $hwcap;
    my ($name, $place) = map { unpack "Z*", substr $bytes, $_, 4096 } $key, $value;
    push @{$found{$name}}, $place;
  }
  return %found;
}

sub package_list { my ($name) = @_; return grep { -f } glob "/var/lib/dpkg/info/$name.list /var/lib/dpkg/info/$name:*.list" }

sub package_files {
  my ($name) = @_;
  my @lists = $name =~ /^[a-z0-9][a-z0-9.+:-]+$/ ? package_list($name) : ();
  @lists or do { print STDERR "include: package:$name is not installed in the build root; name it in packages\n"; exit 4 };
  return grep { $_ ne "/." && !(-d $_ && !-l $_) } map { read_lines($_) } @lists;
}

# Globs with *, ?, [..] and **; a directory stands for all below it.
sub matches {
  my ($pattern) = @_;
  my @paths = ("");
  for my $part (grep length, split m{/+}, $pattern) {
    if ($part eq "**") { @paths = map { ($_, grep({ -d } below($_))) } @paths; next }
    if ($part !~ /[*?\[]/) { @paths = grep { -e || -l } map { "$_/$part" } @paths; next }
    my $regex = join "", map { $_ eq "*" ? ".*" : $_ eq "?" ? "." : /^\[/ ? s/^\[!/[^/r : quotemeta } $part =~ /\[[^\]]+\]|./gs;
    @paths = map { my $directory = $_; map { "$directory/$_" } grep { /^$regex$/ && ($part =~ /^\./ || !/^\./) } entries($directory) } @paths;
  }
  return map { (-d $_ && !-l $_) ? ($_, below($_)) : $_ } grep length, @paths;
}

sub entries { opendir my $in, length $_[0] ? $_[0] : "/" or return; return sort grep { !/^\.\.?$/ } readdir $in }

sub below {
  my ($directory) = @_;
  return if $directory =~ m{^/(proc|sys|dev|run)(/|$)};
  return map { my $path = "$directory/$_"; (-d $path && !-l $path) ? ($path, below($path)) : $path } entries($directory);
}

# Packages name files as before the merge of /usr: /lib/x is /usr/lib/x now.
sub owners {
  my (%wanted, %found, %several);
  for my $path (keys %facts) {
    next if $facts{$path}[0] eq "d";
    $wanted{$path} = $path;
    $wanted{$1} = $path if $path =~ m{^/usr(/(?:bin|sbin|lib\w*)/.*)$};
  }
  for my $list (glob "/var/lib/dpkg/info/*.list") {
    my ($package) = $list =~ m{([^/]+)\.list$};
    $package =~ s/:.*//;
    open my $in, "<", $list or next;
    while (<$in>) {
      chomp;
      my $path = $wanted{$_} // next;
      $several{$path} = 1 if exists $found{$path} && $found{$path} ne $package;
      $found{$path} = $package;
    }
  }
  # /lib and other links that took a directory's place are in many lists and nobody's.
  delete @found{keys %several};
  return %found;
}

sub versions {
  my (%found, $package);
  for (read_lines("/var/lib/dpkg/status")) {
    if (/^Package: (.*)/) { $package = $1; $origins{$package} = ["-", $package, "-"] }
    elsif (/^Version: (.*)/) { $found{$package} = $1; $origins{$package}[2] = $1 if $origins{$package}[2] eq "-" }
    elsif (/^Architecture: (.*)/) { $origins{$package}[0] = $1 }
    elsif (/^Source: (\S+)(?: \((.*)\))?/) { @{$origins{$package}}[1, 2] = ($1, $2 // $origins{$package}[2]) }
  }
  return %found;
}

# Distribution, release and architecture of the build root.
sub system_words {
  my %words = map { /^(\w+)="?([^"]*)"?$/ ? ($1 => $2) : () } read_lines("/etc/os-release");
  return ($words{ID} // "linux", $words{VERSION_ID} // "", $origins{dpkg} ? $origins{dpkg}[0] : "-");
}

# Those which apt would have in a newer version: what is there already is not renewed by what needs it.
sub late_packages {
  my %names = map { $_ => 1 } @_;
  my $package;
  for (read_lines("/var/lib/dpkg/status")) {
    if (/^Package: (.*)/) { $package = $1 } elsif (/^Status: hold /) { delete $names{$package} }
  }
  return if !%names;
  my (%found, $installed);
  open my $in, "-|", "apt-cache", "policy", sort keys %names or return;
  while (<$in>) {
    if (/^(\S+):$/) { $package = $1 }
    elsif (/^  Installed: (\S+)/) { $installed = $1 }
    elsif (/^  Candidate: (\S+)/ && $1 ne $installed && $1 ne "(none)") {
      $found{$package} = $1 if system("dpkg", "--compare-versions", $1, "gt", $installed) == 0;
    }
  }
  return %found;
}

sub sums {
  my @paths = @_;
  my %found;
  while (my @some = splice @paths, 0, 500) {
    open my $in, "-|", "sha256sum", "-z", "--", @some or die "cannot run sha256sum: $!\n";
    local $/ = "\0";
    while (<$in>) { $found{$2} = $1 if /^([0-9a-f]{64})  (.*)\0$/s }
    close $in or die "cannot read all of the files\n";
  }
  return %found;
}
PERL
}
