# shellcheck shell=sh
# service_healthy UNIT DEADLINE SETTLE <CHECKS: waits until every check has passed twice in a row and then for SETTLE
# seconds more, or tells why not. After DEADLINE only what is well goes on settling: the first check that fails ends it.
# A check is a line, its fields parted by tabs: `tcp ADDRESS PORT`,
# `http ADDRESS PORT FIRST-LAST PATH`, `exec UID GID PROGRAM ARGUMENT..`. Without any, the unit has to stay active for a second.
service_healthy() {
  perl -e "$(probe_source)"'
    my ($unit, $deadline, $settle) = @ARGV; my @checks = map { chomp; [split /\t/] } <STDIN>;
    my $begin = time; my ($streak, $why, $well, $looked, $settling) = (0, "", 0, 0, 0); $SIG{PIPE} = "IGNORE";
    sub state_of { map { /^(\w+)=(.*)$/ } `systemctl show --property=ActiveState,SubState,NRestarts,MainPID,Result,Type -- $unit` }
    my %first = state_of();
    while (1) {
      my $now = time;
      if ($now != $looked) { # the unit itself, once a second
        $looked = $now; my %s = state_of();
        if ($s{ActiveState} eq "failed") { fail("$unit failed: $s{Result}") }
        if ($s{NRestarts} >= 3) { fail("$unit ended $s{NRestarts} times: $s{Result}" . ($why ? "; $why" : "")) }
        if (!@checks) { if ($s{ActiveState} eq "active" && $s{NRestarts} == 0) { $why = ""; $streak = $now - $begin >= 1 ? 2 : 0 } else { $why = "$unit is $s{ActiveState}"; $streak = 0 } }
      }
      if (@checks) { $why = ""; for my $check (@checks) { $why = probe(sub { my %s = state_of(); $s{MainPID} }, @$check); last if $why ne "" } $streak = $why eq "" ? $streak + 1 : 0 }
      if ($streak >= 2) { $well ||= time; exit 0 if time - $well >= $settle } else { $well = 0 }
      fail(($settling ? "not healthy while it settled: " : "not healthy within $deadline s: ") . $why) if !$well && $now - $begin >= $deadline;
      $settling ||= $well;
      select undef, undef, undef, ($well ? 0.5 : 0.05);
    }
    sub fail { print "$_[0]\n"; exit 1 }
  ' "$@"
}
