import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { bytes, whole } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { bareApache } from "../throughput/bare-apache.ts";
import { dependencyClosure, parsePackages } from "./closure.ts";

/** Regular files and the sum of their sizes. */
interface Content {
  readonly files: number;
  readonly bytes: number;
}

/** What is in Apache's jail, against what its packages would bring. */
export async function jailSection(site: Site): Promise<Report> {
  await site.ensureUp();
  const jail = site.stack.resources().find(({ urn }) => urn.endsWith("::apache-web1"));
  const root = String(jail?.outputs?.["rootDirectory"] ?? "");
  if (!root.startsWith("/var/lib/pulumi-jail/")) throw new Error(`the jail's root directory is "${root}"`);
  const counted = await countTree(site.hosts.host("web1"), root);
  const [outputFiles, outputBytes] = [Number(jail?.outputs?.["fileCount"]), Number(jail?.outputs?.["bytes"])];
  progress(`the jail has ${whole(counted.files)} files, ${bytes(counted.bytes)}`);
  const bare = await site.extraHost("bare");
  const before = parsePackages(await query(bare)).map(({ name }) => name);
  await bareApache(bare);
  const packages = parsePackages(await query(bare));
  const closure = dependencyClosure("apache2", packages);
  const added = packages.map(({ name }) => name).filter((name) => !before.includes(name));
  const whatItNeeds = await countPackages(bare, closure);
  const whatAptAdds = await countPackages(bare, added);
  return {
    title: "Apache's jail beside its packages",
    targets: [
      {
        name: "size of Apache's jail",
        target: "at most 6 MB",
        figure: bytes(counted.bytes),
        met: counted.bytes <= 6e6,
      },
      {
        name: "files in Apache's jail",
        target: "at most 100",
        figure: whole(counted.files),
        met: counted.files <= 100,
      },
    ],
    body: [
      table(
        ["", "packages", "files", "bytes", "the jail has, of files", "of bytes"],
        [
          ["the jail", "", whole(counted.files), bytes(counted.bytes), "", ""],
          ["apache2's dependency closure", whole(closure.length), ...beside(whatItNeeds, counted)],
          ["what apt adds to the test host", whole(added.length), ...beside(whatAptAdds, counted)],
        ],
      ),
      `The jail: regular files below its root directory and the sum of their sizes, counted on the host with find; the resource's own
outputs say ${whole(outputFiles)} files, ${bytes(outputBytes)}. The closure: apache2 and all that it depends on, directly or not (\`Depends\` and
\`Pre-Depends\`, no recommended ones), as dpkg has it on another host where \`apt-get install --no-install-recommends apache2\` ran; counted are the
regular files that these packages list and that exist. The last row is the part of it that this minimal host (debootstrap's minbase with systemd and sshd) lacked.`,
    ],
  };
}

function beside(denominator: Content, jail: Content): string[] {
  const share = (part: number, all: number): string => `${((100 * part) / all).toFixed(1)} %`;
  return [
    ...[whole(denominator.files), bytes(denominator.bytes)],
    ...[share(jail.files, denominator.files), share(jail.bytes, denominator.bytes)],
  ];
}

const SUM = `my ($n, $s) = (0, 0); while (<STDIN>) { chomp; my @s = lstat $_; next unless @s && -f _; $n++; $s += $s[7]; } print "$n $s";`;

async function countTree(host: TestHost, root: string): Promise<Content> {
  return parseContent((await host.exec(["sh", "-c", `find "$1" -xdev | perl -e '${SUM}'`, "sh", root])).stdout);
}

async function countPackages(host: TestHost, packages: readonly string[]): Promise<Content> {
  const script = `dpkg --listfiles "$@" | sort --unique | perl -e '${SUM}'`;
  return parseContent((await host.exec(["sh", "-c", script, "sh", ...packages])).stdout);
}

async function query(host: TestHost): Promise<string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query(1) has such placeholders of its own
  const format = "--showformat=${Package}\\t${Pre-Depends}, ${Depends}\\t${Provides}\\n";
  return (await host.exec(["dpkg-query", "--show", format])).stdout;
}

function parseContent(text: string): Content {
  const [files = Number.NaN, size = Number.NaN] = text.trim().split(" ").map(Number);
  if (!Number.isFinite(files + size) || files === 0) throw new Error(`nothing was counted: ${text}`);
  return { files, bytes: size };
}
