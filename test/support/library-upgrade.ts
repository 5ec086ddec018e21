/** Runs a line of shell on a host, out of band, and gives what it prints. */
export type Shell = (line: string) => Promise<string>;

/**
 * Updates a library of a host as its administrator would: another version of the package, whose files differ by a byte
 * at their end (which no loader minds). Gives the versions before and after.
 */
export async function upgradeLibrary(
  shell: Shell,
  name = "zlib1g",
): Promise<{ readonly was: string; readonly is: string }> {
  const version = async () => (await shell(`dpkg-query -W -f '\${Version}' ${name}`)).trim();
  const was = await version();
  await shell(
    [
      "set -e; rm -rf /var/tmp/upgrade; mkdir /var/tmp/upgrade; cd /var/tmp/upgrade",
      `apt-get -q update >/dev/null; apt-get -q download ${name} >/dev/null 2>&1; dpkg-deb -R ${name}_*.deb tree`,
      "sed -i 's/^Version: .*/&+new1/' tree/DEBIAN/control",
      "for library in $(find tree -name '*.so.*' -type f); do printf x >>$library; done",
      `dpkg-deb -b tree new.deb >/dev/null; dpkg -i new.deb >/dev/null; cd /; rm -rf /var/tmp/upgrade`,
    ].join("\n"),
  );
  return { was, is: await version() };
}
