# shellcheck shell=sh
# Start, wait for what the traced daemon listened on, probe, look whether it is still there, end it.
trial_run_source() {
  cat <<'PERL'
use strict;
use POSIX ":sys_wait_h";
use Socket qw(:DEFAULT inet_ntop);
my ($name, $unit, $log, $deadline, $kind, @words) = @ARGV;
# A command of the build root is not in the jail.
my @probes = grep { $$_{type} ne "exec" } parsed_probes(@words);
chomp(my $since = `date +%s.%6N`);
my ($root, $end) = ("", time + $deadline);
open my $facts, ">", "$log/facts" or die "cannot write $log/facts: $!\n";
my %wanted = map { chomp; $_ => 1 } read_lines("$log/listens");
start();
my $main = $kind eq "oneshot" ? 0 : wait_in_jail();
if ($main) {
  probe($main);
  settle(0.1);
  my $again = main_process();
  $again && -e "/proc/$main" or gave_up("ended by itself when it was probed");
  for (listeners($main)) { fact("listen=$_") }
}
end_all();
close $facts or die "cannot write the facts: $!\n";

# A start of which nothing more comes is not waited for: no time on a processor, no process, no path in 12 seconds, or, of a
# daemon that serves already, in 3.
sub start {
  my $child = fork // die "cannot fork: $!\n";
  if (!$child) { exec "timeout", remaining(), "systemctl", "start", $name or exit 127 }
  my ($before, $quiet, $looks) = ("", 0, 0);
  while (waitpid($child, WNOHANG) == 0) {
    pause(0.05);
    next if ++$looks % 5;
    my @busy = grep { $$_{comm} ne "strace" && $$_{state} ne "Z" } members();
    my $now = join " ", -s "$log/../trial-log/calls" // 0, map { "$$_{pid}:$$_{ticks}" } @busy;
    $quiet = @busy && $now eq $before ? $quiet + 1 : 0;
    $before = $now;
    next unless $quiet == 12 || $quiet == 48;
    my $serves = %wanted && !missing_listeners($busy[0]{pid});
    next unless $serves || $quiet == 48;
    kill "TERM", $child;
    waitpid $child, 0;
    fact("alive=yes");
    fact("stays=yes") if $serves;
    gave_up($serves ? "serves, and its start does not end" : "was being started, and did nothing any more");
  }
  $? == 0 or gave_up("did not start");
}

sub missing_listeners {
  my ($pid) = @_;
  $root = "/proc/$pid/root";
  my %there = map { /^(unix .*|\w+ \d+)/ ? ($1 => 1) : () } listeners($pid);
  return grep { !$there{$_} } sort keys %wanted;
}

sub wait_in_jail {
  my ($ticks, $idle, $gone, $pid, $well, @missing) = (-1, 0, 0, 0, 0);
  while (time < $end) {
    my @busy = grep { $$_{comm} ne "strace" && $$_{state} ne "Z" } members();
    # systemctl is asked once: it costs more than all the rest of a look.
    $pid = @busy ? main_process() : 0 unless grep { $$_{pid} == $pid } @busy;
    if (!$pid) { $gone++ > 10 and gave_up("ended by itself right after its start"); pause(0.05); next }
    my $sum = 0; $sum += $$_{ticks} for @busy;
    $idle = $sum == $ticks ? $idle + 1 : 0;
    ($ticks, $gone) = ($sum, 0);
    @missing = missing_listeners($pid);
    # One that listens may give up right after: until it rests for a moment, or has gone on for two seconds.
    $well = @missing ? 0 : $well + 1;
    return $pid if !@missing && ($idle >= (%wanted ? 4 : 10) || (%wanted && $well >= 40));
    # One that waits for something that will never come does nothing for long.
    last if @missing && $idle >= 60;
    pause(0.05);
  }
  fact("alive=yes");
  gave_up("did not begin to listen on " . join(", ", @missing));
}

sub end_all {
  for (1 .. 60) {
    my @members = members() or last;
    kill "KILL", map { $$_{pid} } grep { $$_{comm} ne "strace" } @members;
    pause(0.02);
  }
}
END { my $code = $?; end_all(); $? = $code }
PERL
}
