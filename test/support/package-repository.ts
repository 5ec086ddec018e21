import type { Shell } from "./library-upgrade.ts";

/**
 * Publishes a newer version of a package that a host can download, in a repository of its own below `directory`: its
 * libraries and programs differ by a byte at their end. `download` is the command that fetches it into the working
 * directory. Gives the line for apt's sources and the versions before and after.
 */
export async function publishNewer(
  shell: Shell,
  name: string,
  directory: string,
  download = `apt-get -q download ${name}`,
): Promise<{ readonly sources: string; readonly was: string; readonly is: string }> {
  const told = await shell(
    [
      `set -e; mkdir -p ${directory}; cd ${directory}`,
      `${download} >/dev/null 2>&1; dpkg-deb -R ${name}_*.deb tree; rm ${name}_*.deb`,
      "sed -n 's/^Version: //p' tree/DEBIAN/control; sed -i 's/^Version: .*/&+new1/' tree/DEBIAN/control",
      "sed -n 's/^Version: //p' tree/DEBIAN/control",
      "find tree \\( -path '*/bin/*' -o -name '*.so.*' \\) -type f -exec sh -c 'printf x >>$0' {} \\;",
      "dpkg-deb -b tree new.deb >/dev/null; rm -r tree",
      "{ dpkg-deb -f new.deb; echo Filename: ./new.deb; echo Size: $(stat -c %s new.deb); echo SHA256: $(sha256sum <new.deb | cut -c1-64); } >Packages",
    ].join("\n"),
  );
  const [was = "", is = ""] = told.split("\n");
  return { sources: `deb [trusted=yes] file:${directory} ./`, was, is };
}
