# shellcheck shell=sh
# What the question and the steps of forwarded ports share (provider/nftables/forward.ts). NAME.rules is what is declared,
# NAME.nft the same with today's addresses of jails on this host: what the table includes.
FORWARDS=$STATE/edge/forwards
export FORWARD_SETTINGS=/etc/sysctl.d/60-pulumi-jail-forwards.conf

# forward_guard: all that is declared, in one digest.
forward_guard() {
  for forward_file in "$FORWARDS"/*.rules; do
    [ ! -f "$forward_file" ] || sha256sum -- "$forward_file"
  done | sha256sum | cut -c 1-64
}

# forward_resolve DIRECTORY: a NAME.nft there for each NAME.rules, and no other.
forward_resolve() {
  [ -d "$FORWARDS" ] || return 0
  perl -e '
    use IO::Handle;
    my ($state, $to) = @ARGV; my (%led, %kept);
    sub slurp { open my $in, "<", $_[0] or die "cannot read $_[0]: $!\n"; local $/; scalar <$in> // "" }
    for (map { split /\n/, slurp($_) } glob "$state/services/*/rules.nft") {
      my ($protocol) = /^add element inet pulumi_jail (tcp|udp)4 / or next; my $number = $protocol eq "tcp" ? 6 : 17;
      $led{"$number $1"} = $2 while /([\d.]+ \. \d+) : ([\d.]+ \. \d+)/g;
    }
    for my $file (glob "$state/edge/forwards/*.rules") {
      my $text = slurp($file); my ($number) = $text =~ /meta l4proto (\d+) dnat/; $number //= 0;
      $text =~ s/ : ([\d.]+ \. \d+)/" : " . (defined $led{"$number $1"} ? $led{"$number $1"} : $1)/ge;
      my ($name) = $file =~ m{([^/]+)\.rules$}; my $path = "$to/$name.nft"; $kept{$path} = 1;
      next if -f $path && slurp($path) eq $text;
      open my $out, ">", "$to/.$name.new" or die "cannot write $path: $!\n";
      print $out $text; $out->flush && $out->sync && close $out or die "cannot write $path: $!\n";
      rename "$to/.$name.new", $path or die "cannot rename to $path: $!\n";
    }
    unlink grep { !$kept{$_} } glob "$to/*.nft";
  ' -- "$STATE" "$1"
}

# forward_devices: those that packets of forwards come by and go by.
forward_devices() {
  sed -n 's/^# addresses //p' "$FORWARDS"/*.rules 2>/dev/null | tr ' ' '\n' | sort -u | while read -r forward_address; do
    forward_device=$(ip -o -4 addr show to "$forward_address" | awk '{ print $2; exit }')
    [ -n "$forward_device" ] ||
      forward_device=$(ip -o -4 route get "$forward_address" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
    case $forward_device in lo | pjv-* | '') ;; *) printf '%s\n' "$forward_device" ;; esac
  done | sort -u
}

# forward_settings: sysctl.d(5); applied at boot and whenever a device appears.
forward_settings() {
  echo "# Made by pulumi-jail for its forwarded ports; a change made here is drift and is undone."
  forward_devices | sed 's|.*|net/ipv4/conf/&/forwarding=1|'
}
