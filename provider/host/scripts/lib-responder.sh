# shellcheck shell=sh
# The responder of a host (responder.pl): what it reads lies outside of $STATE, which only root may enter.
RESPONDER=/var/lib/pulumi-jail-responder
DRAINING=/run/pulumi-jail-draining

# responder_ports: the registry for the responder, a line per port: service, generation, key, protocol, hostPort, jailPort and
# where it can be asked for its health, or `-`. Owners and their claims stay here.
responder_ports() {
  perl -e '
    my ($state) = @ARGV; my %of;
    sub slurp { open my $in, "<", $_[0] or return ""; local $/; scalar <$in> // "" }
    for (grep { !/^#/ } split /\n/, slurp("$state/ports")) {
      my ($service, $key, $protocol, $host, $jail) = split /\t/; next if $service eq "\@host" || $protocol eq "net";
      my $rules = $of{$service} //= slurp("$state/services/$service/rules.nft");
      my ($generation) = $rules =~ /^# .*, generation ([0-9a-f]+)$/m;
      my ($to) = $protocol eq "tcp" && $rules =~ / \. $host : ([0-9.]+ \. \d+)/; $to =~ s/ \. /:/ if $to;
      print join("\t", $service, $generation || "-", $key, $protocol, $host, $jail, $to || "-"), "\n";
    }
  ' "$STATE"
}

# responder_draining: the directory with who drains.
responder_draining() { printf '%s\n' "$DRAINING"; }

# responder_publish: under the host's lock, whenever the registry or who serves changes; nothing on a host without it.
responder_publish() {
  [ -d "$RESPONDER" ] && [ ! -L "$RESPONDER" ] || return 0
  responder_ports >"$SPOOL/published"
  cmp -s -- "$SPOOL/published" "$RESPONDER/ports" || atomic_write "$RESPONDER/ports" 0644 root:root <"$SPOOL/published"
}

# responder_tell: sections of ask_service: where it listens, which of its sockets come back after a reboot, whether what it
# publishes is true, and who drains.
responder_tell() {
  echo "@responder"
  responder_port=$(sed -n "s/^@host	responder	tcp	\([0-9]*\)	.*/\1/p" "$STATE/ports" 2>/dev/null || true)
  [ -z "$responder_port" ] || ss -Hltnp "sport = :$responder_port" | sed -n 's/^[^ ]* *[0-9]* *[0-9]* *\([^ ]*\) .*"systemd".*/ listens \1/p'
  find /etc/systemd/system/sockets.target.wants -type l -name 'pulumi-jail-responder@*.socket' -printf ' enabled %f\n' 2>/dev/null || true
  ! responder_is_published || echo " published"
  find "$DRAINING" -type f -printf ' drains %f\n' 2>/dev/null || true
  find /etc/systemd/system/pulumi-jail-responder@*.d /run/systemd/system/pulumi-jail-responder@*.d /etc/systemd/system.control/pulumi-jail-responder@*.d -type f -printf ' dropin %p\n' 2>/dev/null || true
}

# responder_is_published: a question holds no lock, so it may come between another service's change and its being published:
# only what stays different is.
responder_is_published() {
  [ -d "$RESPONDER" ] || return 1
  for responder_pause in 0.1 0.2 0.4 0.8 0; do
    [ "$(responder_ports | sha256sum)" != "$(sha256sum <"$RESPONDER/ports" 2>/dev/null)" ] || return 0
    sleep "$responder_pause"
  done
  return 1
}
