# shellcheck shell=sh
# Another jail of this host that was built from the same inputs: what it has need be neither found nor copied again.

# jail_sound_sibling: of the candidates on stdin, lines `candidate BASE DIGEST`, the first in which nothing differs from what
# was built: `sibling BASE DIGEST` and its manifest.
jail_sound_sibling() {
  while read -r _ sibling_base sibling_digest; do
    ask_generation "$sibling_base" "$sibling_digest" >"$SPOOL/sibling"
    [ ! -s "$SPOOL/sibling" ] || continue
    printf 'sibling %s %s\n' "$sibling_base" "$sibling_digest"
    sed 's/%/%25/g; s/\t/%09/g' "$sibling_base/generations/$sibling_digest.manifest.json" |
      awk 'BEGIN { printf "siblingManifest " } { printf "%s%%0A", $0 } END { print "" }'
    return
  done
}

jail_sibling_source() {
  cat <<'PERL'
# Newest first. One of a lock file may be older than what the host would take by now; a stale one is.
sub siblings {
  my ($own, $discovery) = @_;
  my %time;
  for my $record (glob "/var/lib/pulumi-jail/jails/*/record.json") {
    my ($base) = $record =~ m{^(/.*)/record\.json$};
    next if $base eq $own || $base =~ /\s/;
    my $text = text_of($record) // next;
    next if $text =~ /"lock":/ || $text !~ /"discovery":"\Q$discovery\E"/ || $text !~ /"built":"([0-9a-f]{16})"/;
    my $digest = $1;
    my @stat = status("$base/generations/$digest.sums") or next;
    my $suite = $text =~ /"suite":"([a-z0-9.+-]+)"/ ? $1 : "";
    $time{"$base $digest"} = $stat[9] unless stale($suite, text_of("$base/generations/$digest.host"));
  }
  sort { $time{$b} <=> $time{$a} || $a cmp $b } keys %time;
}
PERL
}
