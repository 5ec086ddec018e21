# shellcheck shell=sh
# Longer than most: it is the one program that knows what a unit file says, and how that is said of a build root.

# Reads the unit and its drop-ins in the build root (systemctl --root=.. cat is refused), keeps what says how the daemon is
# started, drops all that would touch the host or hinder strace, and makes the directories that systemd would make.
trace_prepare_program() {
  cat <<'PERL'
use strict;
my ($unit, $root, $log, $namespace, $address, $which) = @ARGV;
my $hostname = `uname -n`;
chomp $hostname;
open my $runtime, ">", "$log/unit" or die "cannot write $log/unit: $!\n";
open my $facts, ">", "$log/facts" or die "cannot write $log/facts: $!\n";
open my $sockets, ">", "$log/sockets" or die "cannot write $log/sockets: $!\n";
chroot $root and chdir "/" or die "cannot enter $root: $!\n";
umask 022;

my ($prefix, $instance, $suffix) = $unit =~ /^([^@]+)(?:\@(.*))?(\.[a-z]+)$/ or fail("$unit is no name of a unit");
my @names = ($unit, defined $instance ? "$prefix\@$suffix" : ());
my @path = map { "$_/systemd/system" } "/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib";
my ($fragment) = grep { -f } map { my $name = $_; map { "$_/$name" } @path } @names;
$fragment //= generated() // fail("the packages bring no unit $unit" . brought());
my %dropins;
for my $directory (reverse @path) {
  for my $name ("service", @names) {
    $dropins{m{([^/]+)$} && $1} = $_ for glob "$directory/$name.d/*.conf";
  }
}
my @files = ($fragment, map { $dropins{$_} } sort keys %dropins);
my @settings = map { read_settings($_, "Service") } @files;

my %last;
for my $setting (@settings) {
  my ($key, $value) = @$setting;
  $last{$key} = $value;
}
# A user that only lives as long as its service is called by the unit's name (systemd.exec(5), DynamicUser=).
$last{User} = $prefix =~ s/[^A-Za-z0-9_-]/_/gr if is_true($last{DynamicUser}) && !length($last{User} // "");
my $user = $last{User} // "";
my $group = $last{Group} // "";
$user = "" if $user eq "root";
my %passwd = map { chomp; my @line = split /:/; $line[0] => \@line } read_lines("/etc/passwd");
my %groups = map { chomp; my @line = split /:/; $line[0] => \@line } read_lines("/etc/group");
if (length $user && !$passwd{$user}) {
  my $free = 61184; $free++ while grep { $$_[2] == $free } values %passwd, values %groups;
  open my $out, ">>", "/etc/passwd"; print $out "$user:x:$free:${free}::/:/usr/sbin/nologin\n"; close $out;
  open $out, ">>", "/etc/group"; print $out "$user:x:$free:\n"; close $out;
  $passwd{$user} = [$user, "x", $free, $free, "", "/", "/usr/sbin/nologin"];
}
my $uid = length $user ? $passwd{$user}[2] : 0;
my $home = length $user ? $passwd{$user}[5] : "/root";
my $gid = length $group ? ($groups{$group} // [])->[2] // 0 : length $user ? $passwd{$user}[3] : 0;

# The jail's own, so that no NSS module of this host is seen.
open my $switch, ">", "/etc/nsswitch.conf"; print $switch map { "$_\n" } "passwd: files", "group: files", "shadow: files", "hosts: files dns",
  "networks: files", "protocols: files", "services: files";
close $switch;

my %keep = map { $_ => 1 } qw(Type RemainAfterExit GuessMainPID UMask KillSignal RestartKillSignal ReloadSignal
  SuccessExitStatus SendSIGHUP Nice OOMScoreAdjust Environment UnsetEnvironment IgnoreSIGPIPE LimitNOFILE LimitNPROC
  LimitCORE LimitMEMLOCK LimitSTACK LimitAS LimitDATA LimitFSIZE LimitRTPRIO LimitSIGPENDING LimitMSGQUEUE);
my %made = (RuntimeDirectory => ["/run", "RUNTIME_DIRECTORY"], StateDirectory => ["/var/lib", "STATE_DIRECTORY"],
  CacheDirectory => ["/var/cache", "CACHE_DIRECTORY"], LogsDirectory => ["/var/log", "LOGS_DIRECTORY"],
  ConfigurationDirectory => ["/etc", "CONFIGURATION_DIRECTORY"]);
my $given = join "\n", map { $$_[0] eq "Environment" ? $$_[1]
  : $$_[0] eq "EnvironmentFile" ? join("", read_lines($$_[1] =~ s/^-//r)) : () } @settings;
my @manager = grep { $given !~ /\b$_=/ } qw(LANG LANGUAGE LC_ALL LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES);

# A jail has a name and an address of its own; what asks for the host's name finds it.
open my $hosts, ">", "/etc/hosts"; print $hosts "127.0.0.1 localhost\n$address $hostname\n::1 localhost ip6-localhost\n"; close $hosts;

my @lines = ("[Unit]", "Description=pulumi-jail traces $unit", "", "[Service]");
# systemd would set these for a User=; strace, which changes to it here, does not.
push @lines, "Environment=HOME=$home USER=$user LOGNAME=$user SHELL=" . ($passwd{$user}[6] || "/bin/sh") if length $user;
my $count = 0;
for my $setting (@settings) {
  my ($key, $value) = @$setting;
  if ($key =~ /^Exec(Start|StartPre|StartPost|Reload|Stop|StopPost)$/) {
    push @lines, "$key=" . join " ; ", map { wrapped($key, $_) } split /\s+;\s+/, $value, -1;
  } elsif ($key eq "EnvironmentFile") {
    # systemd reads these before it changes its root.
    push @lines, $value =~ m{^(-?)(/.*)$} ? "$key=$1$root$2" : "$key=$value";
  } elsif ($key eq "PIDFile" && $value =~ m{^/?(.+)$}) {
    # PID 1 looks for it on the host; seen from there it lies in the build root.
    my $file = $value =~ m{^/} ? $value : "/run/$value";
    push @lines, "$key=$root" . ($file =~ s{^/var/run/}{/run/}r);
  } elsif ($key eq "WorkingDirectory") {
    push @lines, "$key=" . ($value =~ s/^(-?)~$/$1$home/r);
  } elsif ($keep{$key}) {
    push @lines, "$key=$value";
  }
}
for my $key (sort keys %made) {
  my ($base, $variable) = @{$made{$key}};
  my $mode = oct($last{"${key}Mode"} // "0755") & 0777;
  my @owner = $key eq "ConfigurationDirectory" ? (0, 0) : ($uid, $gid);
  my @directories = map { my $name = s/:.*//r; "$base/$name" } split " ", $last{$key} // "";
  for my $directory (@directories) {
    my $above = "";
    for my $part (grep length, split m{/}, $directory) { $above .= "/$part"; mkdir $above, 0755 }
    chown @owner, $directory; chmod $mode, $directory;
    printf $facts "directory=%s %04o %s\n", $key, $mode, $directory;
  }
  push @lines, "Environment=$variable=" . join ":", @directories if @directories;
}
for my $path (map { split " ", $$_[1] } grep { $$_[0] =~ /^ReadWrite(Paths|Directories)$/ } @settings) {
  $path =~ s/^[-+]+//;
  my @stat = stat told($path) or next;
  printf $facts "directory=ReadWritePaths %04o %s\n", $stat[2] & 07777, told($path) =~ s{(.)/+$}{$1}r if -d _;
}
push @lines, "UnsetEnvironment=@manager" if @manager;
push @lines, "Type=exec" if ($last{Type} // "") eq "dbus";
push @lines, "RootDirectory=$root", "MountAPIVFS=yes", "BindPaths=$log:/.trace", "BindPaths=$root/run:/run",
  "BindReadOnlyPaths=-/run/systemd/journal/dev-log", "PrivateNetwork=yes", "NetworkNamespacePath=/run/netns/$namespace", "PrivateTmp=yes", "PrivateIPC=yes", "PrivateDevices=yes",
  "TemporaryFileSystem=/dev/shm:mode=1777", "Restart=no", "KillMode=process", "NotifyAccess=all",
  "TimeoutStopSec=10", "SyslogIdentifier=$unit";
my @passed = passed_sockets();
splice @lines, 2, 0, map { ("Requires=$_", "After=$_") } @passed;
push @lines, map { "Sockets=$_" } @passed;
print $runtime map { "$_\n" } @lines;
close $runtime or die "cannot write the runtime unit: $!\n";

for my $key (qw(Type NotifyAccess User Group KillSignal ReloadSignal SuccessExitStatus LimitNOFILE LimitMEMLOCK OOMScoreAdjust SendSIGKILL
  TimeoutSec TimeoutStartSec TimeoutStopSec WorkingDirectory ExecReload ExecStart)) {
  my $value = $key =~ /^(ExecStart|WorkingDirectory)$/ ? told($last{$key} // "") : $last{$key} // "";
  $value =~ s/^(-?)~$/$1$home/ if $key eq "WorkingDirectory";
  print $facts "unit.$key=$value\n" if length $value;
}
print $facts "fragment=$fragment\n";
if (($last{ExecStart} // "") =~ m{^[-@:+!|]*\s*(/\S+)}) { print $facts "program=$1\n" }
close $facts or die "cannot write the facts: $!\n";

# The sockets that systemd opens for it: those that its unit asks for, or all when it does not run with these. Their names;
# a unit for each is left in log/sockets, below a line with its name, and its paths are those that PID 1 sees.
sub passed_sockets {
  my %needed = map { $_ => 1 } map { split " ", $$_[1] } grep { $$_[0] =~ /^(Requires|Requisite|BindsTo|Sockets)$/ }
    @settings, map { read_settings($_, "Unit") } @files;
  my (%seen, @numbers);
  my $traced = $namespace =~ s/^jail-build-/pulumi-jail-trace-/r;
  for my $file (map { glob "$_/*.socket" } @path) {
    my ($name) = $file =~ m{([^/]+)$};
    next if $seen{$name}++ || !-s $file;
    my @own = map { read_settings($_, "Socket") } $file, map { glob "$_/$name.d/*.conf" } reverse @path;
    my %own = map { @$_ } @own;
    my $each = is_true($own{Accept}) ? "\@" : "";
    my $service = $own{Service} // $name =~ s/\.socket$/$each.service/r;
    next unless grep { $_ eq $service } @names;
    fail("$name starts a process of its own for each connection (Accept=yes), which a jail does not do") if $each;
    my @listens;
    for (@own) { @listens = length $$_[1] ? (@listens, $_) : () if $$_[0] =~ /^Listen/ }
    my ($odd) = grep { $$_[0] !~ /^Listen(Stream|Datagram|SequentialPacket)$/ || $$_[1] =~ /^vsock:/ } @listens;
    if ($odd) { print $facts "unfit=$name $$odd[0]=\n"; next }
    my $full = defined $instance ? $name =~ s/\@\./\@$instance./r : $name;
    if ($which ne "all" && !$needed{$full}) { print $facts "unpassed=$full\n"; next }
    my %options = map { $_ => $own{$_} } grep { /^(BindIPv6Only|Backlog|NoDelay|KeepAlive|PassCredentials|PassPacketInfo|ReceiveBuffer|SendBuffer)$/ && length $own{$_} } keys %own;
    $options{FileDescriptorName} = told($own{FileDescriptorName} // "") || $full;
    push @numbers, @numbers + 1;
    print $sockets "# $traced." . @numbers . ".socket\n[Unit]\nDescription=pulumi-jail traces $full\nPartOf=$traced.service\n",
      "[Socket]\nService=$traced.service\nPrivateNetwork=yes\nNetworkNamespacePath=/run/netns/$namespace\n",
      map { "$_=$options{$_}\n" } sort keys %options;
    for (@listens) {
      my ($key, $value) = ($$_[0], told($$_[1]) =~ s{^/var/run/}{/run/}r);
      print $facts "passed=$full $key $value\n";
      print $sockets "$key=", $value =~ m{^/} ? $root : "", "$value\n";
    }
    print $facts "passed=$full $_ $options{$_}\n" for sort keys %options;
  }
  close $sockets or die "cannot write the socket units: $!\n";
  return map { "$traced.$_.socket" } @numbers;
}

sub wrapped {
  my ($key, $command) = @_;
  my ($prefixes, $rest) = $command =~ /^([-@:+!|]*)\s*(.*?)\s*$/s;
  return $command unless length $rest;
  # strace can't set argv[0] by itself.
  $rest =~ s/^(\S+)\s+\S+/$1/ if $prefixes =~ s/@//;
  # Of old, but read still (systemd.service(5)): then only the daemon itself runs as the user.
  my $privileged = $key ne "ExecStart" && ($last{PermissionsStartOnly} // "") =~ /^(yes|true|on|1)$/i;
  my $as = length $user && $prefixes !~ /[+!]/ && !$privileged ? " -u $user" : "";
  $count++;
  # A newer strace sets its filter before it becomes that user: what it traces fails there as long as it is not attached.
  my $calls = join ",", map { "?$_" } qw(%%file execve execveat clone clone3 fork vfork getdents64 fchdir kill tgkill bind connect mprotect
    setuid setgid setresuid setresgid setrlimit prlimit64), length $as ? () : qw(setreuid setregid setgroups);
  return "$prefixes/usr/bin/strace -D -f -qq -y -ttt -s 4096 --seccomp-bpf -o /.trace/$count.$key "
    . "-e signal=none -e abbrev=!execve -e trace=$calls$as -- $rest";
}

sub read_settings {
  my ($section, @found) = "";
  my $text = join "", read_lines($_[0]);
  $text =~ s/^[ \t]*[#;].*\n//mg;
  $text =~ s/\\\n/ /g;
  for (split /\n/, $text) {
    if (/^\s*\[(.*)\]\s*$/) { $section = $1 }
    elsif ($section eq $_[1] && /^\s*([A-Za-z0-9]+)\s*=\s*(.*?)\s*$/) { push @found, [$1, expanded($2)] }
  }
  return @found;
}

# The specifiers that would tell the runtime unit's name; systemd itself expands the others.
sub expanded {
  my ($value) = @_;
  my $last = $prefix =~ s/.*-//r;
  my %words = (n => $unit, N => $unit =~ s/\.[a-z]+$//r, p => $prefix, P => unescaped($prefix), i => $instance // "",
    I => unescaped($instance // ""), j => $last, J => unescaped($last), f => "/" . unescaped($instance // $prefix) =~ s{^/+}{}r);
  return $value =~ s/%([%nNpPiIjJf])/$1 eq "%" ? "%%" : $words{$1} =~ s|%|%%|gr/ger;
}

sub unescaped { return $_[0] =~ tr{-}{/}r =~ s/\\x([0-9a-f]{2})/chr hex $1/ger }

# For who reads the facts: those of the system's manager that are the same on all hosts.
sub told {
  my %words = ("%" => "%", t => "/run", S => "/var/lib", C => "/var/cache", L => "/var/log", E => "/etc", T => "/tmp",
    V => "/var/tmp", h => "/root", u => "root", U => "0", g => "root", G => "0", s => "/bin/sh");
  return $_[0] =~ s/%(.)/$words{$1} \/\/ "%$1"/ger;
}

# What was installed just now brings these.
sub brought {
  my @lists = grep { -M $_ < 0.003 } glob "/var/lib/dpkg/info/*.list";
  my %units = map { m{^(?:/usr)?/lib/systemd/system/([^/\s]+\.service)$} ? ($1 => 1) : () } map { read_lines($_) } @lists;
  my @units = sort keys %units;
  my $more = @units - 10;
  splice @units, 10, $more, "$more more" if $more > 0;
  return @units ? "; there are " . join(", ", @units) : "; they bring none at all";
}

sub is_true { return ($_[0] // "") =~ /^(1|yes|y|true|t|on)$/i }

# A package that only brings a script for init: systemd's own generator makes the unit of it, as at each boot.
sub generated {
  my ($generator) = grep { -x } map { "$_/systemd-sysv-generator" } "/usr/lib/systemd/system-generators", "/lib/systemd/system-generators";
  return unless defined $generator && -e "/etc/init.d/" . ($unit =~ s/\.service$//r);
  my @out = map { "/run/pulumi-jail-units/$_" } "normal", "early", "late";
  mkdir $_, 0755 for "/run/pulumi-jail-units", @out;
  system "$generator @out 2>/dev/null";
  return (grep { -f } map { "$_/$unit" } @out)[0];
}

sub read_lines { open my $in, "<", $_[0] or return; return <$in> }

sub fail { print STDERR "$_[0]\n"; exit 4 }
PERL
}
