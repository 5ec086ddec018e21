# Lists every file below the current directory: walk.pl EXCLUDED-PATH...
# One record per file, fields ended by NUL: path, type, mode, uid, gid, device, inode, target or device number, xattrs.
# It runs on the machine, not on the host, with perl-base alone (no -T: the arguments are ours).
use strict;
use warnings;

my %excluded = map { $_ => 1 } @ARGV;
# perl-base has no binding for these: llistxattr(2) and lgetxattr(2) by number.
my ($machine) = (POSIX_machine());
my ($LIST, $GET) = $machine eq 'aarch64' ? (12, 9) : $machine eq 'x86_64' ? (195, 192) : die "no syscall numbers for $machine\n";
my %type = (0100000 => 'file', 0040000 => 'directory', 0120000 => 'link', 0010000 => 'fifo', 0140000 => 'socket', 0020000 => 'char', 0060000 => 'block');

binmode STDOUT;
my @left = ('/');
while (defined(my $path = pop @left)) {
    next if $excluded{$path};
    my $here = ".$path";
    my @stat = lstat $here or next;
    my $type = $type{ $stat[2] & 0170000 } // 'unknown';
    my $more = $type eq 'link' ? readlink $here : $type eq 'char' || $type eq 'block' ? $stat[6] : '';
    print join("\0", $path, $type, sprintf('%04o', $stat[2] & 07777), @stat[4, 5], @stat[0, 1], $more // '', attributes($here)), "\0";
    next if $type ne 'directory';
    opendir my $directory, $here or next;
    my $prefix = $path eq '/' ? '' : $path;
    push @left, map { "$prefix/$_" } grep { $_ ne '.' && $_ ne '..' } readdir $directory;
    closedir $directory;
}

sub attributes {
    my ($here) = @_;
    my $names = "\0" x 4096;
    my $length = syscall($LIST, $here, $names, length $names);
    return '' if $length <= 0;
    my @found;
    for my $name (sort split /\0/, substr($names, 0, $length)) {
        my $value = "\0" x 65536;
        my $size = syscall($GET, $here, $name, $value, length $value);
        push @found, "$name=" . unpack('H*', substr($value, 0, $size)) if $size >= 0;
    }
    return join ' ', @found;
}

# `uname -m` without POSIX.pm, which perl-base's neighbours may lack.
sub POSIX_machine {
    my $text = `uname -m`;
    chomp $text;
    return $text;
}
