# shellcheck shell=sh
# ask_jail BASE DISCOVERY FILES: a line `KEY VALUE` each, with %, newline and tab of the value escaped.
#   directory absent|empty|full · owner TEXT · record TEXT · kept DIGEST.. (newest first) · used DIGEST WHO
#   leftover NAME (of a run that was cut) · stale PACKAGE COUNT WAS IS · unrefreshed SUITE (its mirror did not answer) · findings of its current generation (ask_generation)
#   manifest TEXT: of its current generation, when the record holds DISCOVERY but not FILES, so that the next manifest can
#   be made from it.
#   sibling BASE DIGEST · siblingManifest TEXT: of another jail built from DISCOVERY, when this one has nothing to go on from
ask_jail() {
  perl -e "$(generation_look_source)$(generation_kept_source)$(candidates_source)$(jail_sibling_source)$(jail_ask_source)" -- "$@" >"$SPOOL/jail"
  grep -v '^candidate ' <"$SPOOL/jail" || true
  grep '^candidate ' <"$SPOOL/jail" >"$SPOOL/candidates" || true
  jail_generation=$(sed -n 's/^generation //p' "$SPOOL/jail")
  if [ -n "$jail_generation" ]; then
    ask_generation "$1" "$jail_generation" >"$SPOOL/jail"
    sed 's/^/finding /' "$SPOOL/jail"
  fi
  [ ! -s "$SPOOL/candidates" ] || jail_sound_sibling <"$SPOOL/candidates"
}

jail_ask_source() {
  cat <<'PERL'
my ($base, $discovery, $files) = @ARGV;
sub say { my ($key, @words) = @_; my $text = join " ", @words; $text =~ s/([%\n\t])/sprintf "%%%02X", ord $1/ge; print "$key $text\n" }
my @inside;
if (opendir my $in, $base) { @inside = grep { $_ ne "." && $_ ne ".." } readdir $in; say("directory", @inside ? "full" : "empty") }
elsif ($! == ENOENT) { say("directory", "absent") }
else { failed("cannot list $base") }
my $owner = text_of("$base/owner.json");
say("owner", $owner) if defined $owner;
my $record = text_of("$base/record.json") // "";
say("record", $record) if $record ne "";
say("kept", $_) for kept($base);
my $used = used($base);
for my $digest (sort keys %$used) { my %seen; say("used", $digest, $_) for grep { !$seen{$_}++ } @{$used->{$digest}} }
if (opendir my $in, "$base/generations") { say("leftover", $_) for sort grep { /^\.(build-|.*\.pulumi-jail-doomed$)/ } readdir $in }
my ($name) = $base =~ m{([^/]+)$};
say("leftover", "build root") if status("/var/lib/pulumi-jail/build/jail-$name");
my $exact = sub { my $name = shift; $record =~ /"\Q$name\E":"([0-9a-f]+)"/ ? $1 : "" };
my $generation = $exact->("generation");
my $lacking = $exact->("discovery") ne $discovery || !status("$base/generations/" . $exact->("built"));
my $suite = $record =~ /"suite":"([a-z0-9.+-]+)"/ ? $1 : "";
if ($generation ne "") {
  say("generation", $generation);
  say("unrefreshed", $suite) if $suite ne "" && !refresh_index($suite);
  for (stale($suite, text_of("$base/generations/$generation.host"))) { say("stale", @$_); $lacking = 1 }
  if ($exact->("discovery") eq $discovery && $exact->("files") ne $files) {
    my $manifest = text_of("$base/generations/" . $exact->("built") . ".manifest.json");
    say("manifest", $manifest) if defined $manifest;
  }
}
if ($lacking) { print "candidate $_\n" for siblings($base, $discovery) }
PERL
}
