#!/usr/bin/perl
# The responder of a host: systemd starts it for one connection, which is its stdin and stdout, as a user without rights,
# and it ends with the answer. It answers HAProxy's agent-check (`SERVICE.KEY`: state and weight; `SERVICE.KEY:state`: state
# alone), `GET /ports HTTP/1.x` and, for Prometheus, `GET /metrics HTTP/1.x`; to all else it says nothing. Perl's core alone, and as little of it as there can be:
# an edge asks for each of its servers every two seconds.
use strict;

my ($shared, $own, $draining) = ("/var/lib/pulumi-jail-responder", "/run/pulumi-jail-responder", "/run/pulumi-jail-draining");
my ($least, $step, $window, $stale, $told) = (10, 20, 2, 30, 30); # percent, points, seconds, seconds, seconds

main() unless caller;

# What the load allows, 10 to 100: each percent of the last ten seconds in which some task waited for a processor takes one
# away, then each in which one waited for memory (PSI: Documentation/accounting/psi.rst). Without PSI it is the share of a
# processor that a runnable task gets. Undefined when the host says nothing.
sub weight_of_load {
  my ($cpu, $memory, $loadavg, $processors) = @_;
  my $waits = sub { ($_[0] // "") =~ /^some avg10=(\d+(?:\.\d+)?)/m ? $1 : undef };
  my $pressure = $waits->($cpu);
  return bounded(100 - $pressure - ($waits->($memory) // 0)) if defined $pressure;
  my ($load) = ($loadavg // "") =~ /^(\d+(?:\.\d+)?) / or return undef;
  return $load <= $processors ? 100 : bounded(100 * $processors / $load);
}

# At most 20 points per report, and a report each two seconds, however many edges and services ask. What is older than half
# a minute says nothing any more.
sub damped {
  my ($target, $last, $age) = @_;
  return $target if !defined $last || $last !~ /^\d{2,3}$/ || $age < 0 || $age > $stale;
  return bounded($last) if $age < $window;
  return $target > $last + $step ? $last + $step : $target < $last - $step ? $last - $step : $target;
}

sub bounded { my $n = int($_[0] + 0.5); $n < $least ? $least : $n > 100 ? 100 : $n }

# How many a list of the kernel's such as `0-3,6` has.
sub count_of { my $n = 0; for (split /,/, $_[0] // "") { $n += defined $2 ? $2 - $1 + 1 : 1 if /^(\d+)(?:-(\d+))?\s*$/ } $n || 1 }

# The published lines: service, generation, key, protocol, hostPort, jailPort, where it is asked for its health or `-`.
sub parse_ports { map { [split /\t/] } grep { !/^#/ && tr/\t// == 6 } split /\n/, $_[0] // "" }

# `up`, as a server that came by the runtime API waits for it. `ready` ends a drain, and only then is it said: it would also
# end the maintenance that someone put a server into by hand (HAProxy configuration manual, agent-check).
sub agent_answer {
  my ($drains, $drained, $weight) = @_;
  return "up drain\n" if $drains;
  return join(" ", "up", $drained ? "ready" : (), defined $weight ? "$weight%" : ()) . "\n";
}

# Only words of the registry come in here; what is no plain word is no part of it.
sub render_ports {
  my ($lines, $weight, $drains, $well) = @_; my (@services, %seen);
  for (@$lines) {
    my ($service, $generation, $key, $protocol, $host, $jail, $at) = @$_;
    next if grep { !/^[A-Za-z0-9_.:-]{1,64}$/ } @$_;
    push @services, $seen{$service} = [$service, $generation] unless $seen{$service};
    my $health = $at eq "-" ? "unknown" : $well->{$at} ? "up" : "down";
    push @{$seen{$service}}, qq({"key":"$key","protocol":"$protocol","hostPort":$host,"jailPort":$jail,"health":"$health"});
  }
  my @rendered = map { my ($service, $generation, @ports) = @$_;
    my $state = $drains->($service) ? "drain" : "ready"; $generation = $generation eq "-" ? "null" : qq("$generation");
    qq({"name":"$service","generation":$generation,"state":"$state","ports":[) . join(",", @ports) . "]}" } @services;
  my $body = qq({"schema":1,"weight":) . ($weight // "null") . ',"services":[' . join(",", @rendered) . "]}\n";
  http_answer("application/json", $body);
}

sub http_answer { "HTTP/1.0 200 OK\r\nContent-Type: $_[0]\r\nContent-Length: " . length($_[1]) . "\r\nConnection: close\r\n\r\n$_[1]" }

# Prometheus' text format: names and helps as `pulumi-jail metrics` has them (provider/cli/metrics/render.ts). Of a service
# its ports are asked, as its own check is not known here; of the units, what their control groups (version 2) tell.
sub render_metrics {
  my ($lines, $weight, $drains, $well, $group) = @_; my (@order, %service);
  for (@$lines) {
    my ($name, $generation, $key, $protocol, $host, undef, $at) = @$_;
    next if grep { !/^[A-Za-z0-9_.:-]{1,64}$/ } @$_;
    push @order, $service{$name} = { name => $name, generation => $generation eq "-" ? "" : $generation } unless $service{$name};
    push @{$service{$name}{ports}}, [$key, $protocol, $host];
    next if $at eq "-"; $service{$name}{up} = ($service{$name}{up} // 1) && ($well->{$at} ? 1 : 0);
  }
  my $text = "";
  my $metric = sub { my ($name, $type, $help, @samples) = @_;
    @samples = grep { defined $$_[1] } @samples or return;
    $text .= "# HELP pulumi_jail_$name $help\n# TYPE pulumi_jail_$name $type\n" . join "", map { "pulumi_jail_$name$$_[0] $$_[1]\n" } @samples };
  my $each = sub { my ($value) = @_; map { [qq({service="$$_{name}"}), $value->($_)] } @order };
  $metric->("host_weight", "gauge", "What the host's responder tells edges, in percent.", ["", $weight]);
  $metric->("service_up", "gauge", "Whether each of its tcp ports takes a connection.", $each->(sub { $_[0]{up} }));
  $metric->("service_info", "gauge", "The generation that serves, as a label.", map { [qq({service="$$_{name}",generation="$$_{generation}"}), 1] } @order);
  $metric->("service_draining", "gauge", "Whether edges are told to send it nobody new.", $each->(sub { $drains->($_[0]{name}) ? 1 : 0 }));
  $metric->("service_memory_bytes", "gauge", "Memory of its unit.", $each->(sub { $group->($_[0]{name}, "memory.current", qr/^(\d+)$/m) }));
  $metric->("service_tasks", "gauge", "Processes and threads of its unit.", $each->(sub { $group->($_[0]{name}, "pids.current", qr/^(\d+)$/m) }));
  $metric->("service_cpu_seconds_total", "counter", "Processor time of its unit since that became active.",
    $each->(sub { my $used = $group->($_[0]{name}, "cpu.stat", qr/^usage_usec (\d+)$/m); defined $used ? $used / 1e6 : undef }));
  $metric->("service_port", "gauge", "The host's port that leads to the service, by its key.",
    map { my $name = $$_{name}; map { [qq({service="$name",port="$$_[0]",protocol="$$_[1]"}), $$_[2]] } @{$$_{ports}} } @order);
  http_answer("text/plain; version=0.0.4", $text);
}

# Of both slots together, as a switchover has two for a while; undefined where the host counts nothing.
sub of_group {
  my ($service, $file, $pattern) = @_; my $sum;
  for my $slot ("a", "b") { $sum += $1 if (slurp("/sys/fs/cgroup/system.slice/jailed-$service\@$slot.service/$file") // "") =~ $pattern }
  $sum;
}

sub main {
  $SIG{PIPE} = "IGNORE"; alarm 3;
  my $asked = "";
  if (wait_for(\*STDIN, 1)) { sysread STDIN, $asked, 2048 }
  my $answer = answer_to($asked);
  syswrite STDOUT, $answer if defined $answer;
  # Bytes that were sent and not read would turn the end of the connection into a reset, which takes the answer with it.
  for (1 .. 4) { last unless length $asked == 2048 && wait_for(\*STDIN, 0.05) && sysread STDIN, $asked, 2048 }
}

sub wait_for { my ($handle, $seconds) = @_; my $bits = ""; vec($bits, fileno $handle, 1) = 1; select $bits, undef, undef, $seconds }

sub answer_to {
  my ($asked) = @_;
  if ($asked =~ /\A([a-z][a-z0-9-]{0,39})\.([a-z][a-z0-9_-]{0,31})(:state)?\s*\z/) {
    my ($service, $key, $state) = ($1, $2, $3);
    return undef unless grep { $$_[0] eq $service && $$_[2] eq $key } parse_ports(slurp("$shared/ports"));
    note("asked-$service", "");
    my $drains = drains($service); note("drained-$service", uptime() . "\n") if $drains;
    return agent_answer($drains, has_drained($service), $state ? undef : current_weight());
  }
  my ($what) = $asked =~ m{\AGET /(ports|metrics) HTTP/1\.[01]\r?\n} or return undef;
  my @lines = parse_ports(slurp("$shared/ports"));
  my @told = (\@lines, current_weight(), \&drains, health_of(grep { $_ ne "-" } map { $$_[6] } @lines));
  return $what eq "ports" ? render_ports(@told) : render_metrics(@told, \&of_group);
}

# A mark that a killed run left ends by itself: it says until which second of uptime it holds.
sub drains { my ($until) = (slurp("$draining/$_[0]") // "") =~ /^(\d+)$/m or return 0; uptime() < $until }

# Every edge asks each two seconds, so that long after the last one heard of a drain all have heard of its end.
sub has_drained { my ($when) = (slurp("$own/drained-$_[0]") // "") =~ /^(\d+)$/m or return 0; my $age = uptime() - $when; $age >= 0 && $age <= $told }

sub uptime { (slurp("/proc/uptime") // "") =~ /^(\d+)/ ? $1 : 0 }

sub current_weight {
  my $now = uptime();
  my ($last, $then) = (slurp("$own/weight") // "") =~ /^(\d+) (\d+)$/m;
  my $target = weight_of_load(slurp("/proc/pressure/cpu"), slurp("/proc/pressure/memory"), slurp("/proc/loadavg"),
    count_of(slurp("/sys/devices/system/cpu/online")));
  return undef unless defined $target;
  my $weight = damped($target, $last, $now - ($then // 0));
  note("weight", "$weight $now\n") if !defined $then || $now - $then >= $window || $now < $then;
  $weight;
}

sub slurp { open my $in, "<", $_[0] or return undef; my $n = read $in, my $text, 65536; defined $n ? $text : undef }

# For the next one that asks, and for who waits until edges have heard of a drain; lost without harm.
sub note {
  my ($name, $text) = @_;
  open my $out, ">", "$own/.$name.$$" or return; print $out $text; close $out;
  rename "$own/.$name.$$", "$own/$name" or unlink "$own/.$name.$$";
}

# Which of ADDRESS:PORT take a connection within half a second, all asked at once.
sub health_of {
  my (%well, %open); require Socket; require Fcntl; my $bits = "";
  for my $at (@_) {
    my ($address, $port) = $at =~ /^([0-9.]+):(\d+)$/ or next;
    socket my $s, Socket::PF_INET(), Socket::SOCK_STREAM(), 0 or next;
    fcntl $s, Fcntl::F_SETFL(), Fcntl::O_NONBLOCK();
    if (connect $s, Socket::sockaddr_in($port, Socket::inet_aton($address))) { $well{$at} = 1; next }
    $open{fileno $s} = [$s, $at]; vec($bits, fileno $s, 1) = 1;
  }
  my $left = 0.5;
  while (%open && $left > 0) {
    my ($n, $rest) = select undef, my $ready = $bits, undef, $left; last unless $n > 0; $left = $rest < $left ? $rest : $left - 0.05;
    for my $fd (keys %open) {
      next unless vec($ready, $fd, 1); my ($s, $at) = @{delete $open{$fd}}; vec($bits, $fd, 1) = 0;
      $well{$at} = 1 if unpack("i", getsockopt $s, Socket::SOL_SOCKET(), Socket::SO_ERROR()) == 0;
    }
  }
  \%well;
}

1;
