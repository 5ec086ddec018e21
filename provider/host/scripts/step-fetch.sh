# shellcheck shell=sh
# A build root without an installation: only the bytes that a lock file names and the host lacks, at exactly its versions.

# step_fetch_packages ID LOCK: the content is a line `P TAB NAME=VERSION` per package and `F TAB SHA256 TAB MODE TAB
# NAME=VERSION|- TAB PATH` per file. What neither store nor host has is downloaded and unpacked, without maintainer
# scripts; only for what no package ships (they made it) are all packages installed, beside.
step_fetch_packages() {
  build=$STATE/build/$1
  refuse_symlinks "$build"
  remove_build_root "$build"
  remove_build_root "$build.full"
  mkdir -p -- "$build/root/etc" "$build/debs" "$build/apt/lists/partial" "$build/apt/cache/archives/partial"
  { cat /proc/sys/kernel/random/boot_id && printf '%s\n' "$2" | tr / .; } >"$build/opened"
  for fetch_part in bin sbin lib lib64; do
    [ -L "/$fetch_part" ] || continue
    mkdir -p -- "$build/root/usr/$fetch_part"
    ln -s "usr/$fetch_part" "$build/root/$fetch_part"
  done
  # The places of libraries, for ldconfig.
  for fetch_part in ld.so.conf ld.so.conf.d; do
    [ ! -e "/etc/$fetch_part" ] || cp -RL -- "/etc/$fetch_part" "$build/root/etc/"
  done
  fetch_lacking "$build/root" ''
  [ -s "$build/lacking" ] || return 0
  cut -f 1 <"$build/lacking" | sort -u | grep -v '^-$' >"$build/specs" || true
  if [ -s "$build/specs" ]; then
    fetch_debs "$build/specs"
    fetch_unpack
    fetch_lacking "$build/root" ''
    [ -s "$build/lacking" ] || return 0
  fi
  fetch_full "$1" "$2"
}

# fetch_lacking PLACE..: copies what the later places have into the first; the rest is in $build/lacking.
fetch_lacking() {
  perl -e "$(generation_look_source)$(generation_build_source)$(fetch_source)" -- "$CONTENT" "$@" >"$build/lacking"
}

fetch_source() {
  cat <<'PERL'
my ($wanted, $root, @places) = @ARGV;
my @lacking;
for (split /\n/, text_of($wanted)) {
  my ($kind, $hash, $mode, $from, $path) = map { bare($_) } split /\t/;
  push @lacking, { hash => $hash, shelf => shelf($hash, $mode), from => $from, path => $path } if $kind eq "F";
}
sub without {
  my ($where, $found) = @_;
  my @there = grep { my @stat = status($where->($_)); @stat && ($stat[2] & 0170000) == 0100000 } @lacking;
  my $sums = hash_of(map { $where->($_) } @there);
  my %good;
  for (@there) { if ($sums->{$where->($_)} eq $_->{hash}) { $good{$_->{path}} = 1; $found->($_) } }
  @lacking = grep { !$good{$_->{path}} } @lacking;
}
without(sub { $_[0]{shelf} }, sub {});
without(sub { $root . $_[0]{path} }, sub {});
for my $place (@places) {
  without(sub { $place . $_[0]{path} }, sub {
    my $path = $_[0]{path};
    system("mkdir", "-p", "--", $root . above($path)) == 0 or die "cannot make a directory for $path\n";
    copy($place . $path, $root . $path) or die "cannot copy $path\n";
  });
}
print map { $_->{from} . "\t" . shown($_->{path}) . "\n" } @lacking;
PERL
}

# The host's package lists are only read: where they do not lead to these versions, fresh ones are got for this alone.
fetch_debs() {
  fetch_lists=/var/lib/apt/lists
  fetch_download "$1" && return
  fetch_lists=$build/apt/lists
  fetch_apt apt-get -q update >>"$build/apt.log" 2>&1 || true
  fetch_download "$1" && return
  fetch_told=
  while IFS= read -r fetch_spec; do
    [ -z "$(fetch_apt apt-cache show "$fetch_spec" 2>/dev/null)" ] || continue
    fetch_name=${fetch_spec%%=*}
    fetch_offer=$(fetch_apt apt-cache madison "$fetch_name" | awk -F ' *[|] *' '{ print $2 }' | sort -u | paste -s -d ' ')
    printf '%s %s is not to be had any more (%s)\n' "$fetch_name" "${fetch_spec#*=}" "${fetch_offer:+offered: }${fetch_offer:-no version is offered}" >&2
    fetch_told=yes
  done <"$1"
  [ -z "$fetch_told" ] || exit 4
  tail -n 25 "$build/apt.log" >&2
  exit 1
}

fetch_download() {
  (cd "$build/debs" && fetch_apt xargs -d '\n' -a "$1" -- apt-get -q download) >>"$build/apt.log" 2>&1
}

# fetch_apt COMMAND..: by a configuration of its own, as options in the command's place would differ by command.
fetch_apt() {
  cat >"$build/apt.conf" <<EOF_CONF
Dir::State::Lists "$fetch_lists";
Dir::Cache "$build/apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF_CONF
  APT_CONFIG=$build/apt.conf "$@"
}

# Packages name files as before the merge of /usr: the links to it have to stay.
fetch_unpack() {
  for fetch_deb in "$build"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$fetch_deb" | tar -x --keep-directory-symlink -C "$build/root" -f -
    rm -f -- "$fetch_deb"
  done
}

fetch_full() {
  fetch_content=$CONTENT
  sed -n 's/^P\t//p' <"$CONTENT" >"$build/specs"
  (
    CONTENT=/dev/null
    set --  "$1.full" "$2"
    while IFS= read -r fetch_spec; do set -- "$@" "$fetch_spec"; done <"$build/specs"
    fetch_id=$1
    fetch_lock=$2
    shift 2
    step_open_build_root "$fetch_id" "$fetch_lock" no - - - - "$@"
  )
  build=$STATE/build/$1
  CONTENT=$fetch_content
  fetch_lacking "$build/root" "$build.full/root"
  remove_build_root "$build.full"
  [ -s "$build/lacking" ] || return 0
  echo "other bytes than when the lock file was written:" >&2
  cut -f 2 <"$build/lacking" | head -n 20 >&2
  exit 4
}
