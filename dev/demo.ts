import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { demoHosts, openDemo, removeDemo, runName } from "./demo/project.ts";
import { askOften } from "./demo/requests.ts";
import { bootHosts, canBootHosts, findHosts, installNeeds } from "./hosts/index.ts";
import { repository } from "./paths.ts";
import { progress } from "./progress.ts";

const USAGE = `npm run demo                      boots web1, web2 and edge and runs "pulumi up" of the example
npm run demo -- pulumi WORDS...   runs pulumi on the demo's stack
npm run demo -- env               prints what to export to run pulumi by yourself
npm run demo -- requests          sends ten requests to the edge
npm run demo -- shell HOST        opens a root shell on a host
npm run demo -- status            shows hosts and stack
npm run demo -- down              takes everything away again`;

/** `npm run demo`: three local Linux hosts and a real stack on them, kept until `down`. Gives the exit code. */
export async function runDemo(words: readonly string[]): Promise<number> {
  const [command = "up", ...rest] = words;
  switch (command) {
    case "up":
      return up();
    case "pulumi":
      return (await openDemo()).pulumi(rest);
    case "env":
      return printEnvironment();
    case "requests":
      return requests(await (await openDemo()).output("url"));
    case "shell":
      return host(["exec", rest[0] ?? "web1", ...(rest.length > 1 ? ["--", ...rest.slice(1)] : [])]);
    case "status":
      return (await host(["list"])) || (await openDemo()).pulumi(["stack"]);
    case "down":
      return down();
    default:
      console.error(USAGE);
      return 2;
  }
}

async function printEnvironment(): Promise<number> {
  const { binDirectory, settings } = await openDemo();
  for (const [name, value] of Object.entries(settings)) if (name !== "PATH") console.log(`export ${name}='${value}'`);
  console.log(`export PATH='${binDirectory}'":$PATH"`);
  return 0;
}

async function up(): Promise<number> {
  const reason = await canBootHosts();
  if (reason !== undefined) {
    progress(`the demo boots Linux hosts on this machine, and it can't: ${reason}`);
    return 1;
  }
  await installNeeds(progress);
  const hosts = await bootHosts({ run: runName, hosts: demoHosts, keep: true, progress });
  for (const { name, address } of hosts.hosts) progress(`${name} runs at ${address}`);
  const demo = await openDemo();
  const code = demo.pulumi(["up", "--yes"]);
  if (code !== 0) return code;
  const url = await demo.output("url");
  const answered = await requests(url);
  if (answered === 0) console.log(whatNext(url ?? ""));
  return answered;
}

/** The example must be seen to work, from both web hosts, or the demo has failed. */
async function requests(url: string | undefined): Promise<number> {
  if (url === undefined) {
    progress("the stack has no output `url` yet");
    return 1;
  }
  const { answers, different } = await askOften(url, 10);
  console.log(`\n${answers.length} requests to ${url}:`);
  for (const answer of answers) console.log(`  ${answer.status}  ${answer.text}`);
  if (different > 1) return 0;
  progress(`${different} different answers, but two hosts should have answered`);
  return 1;
}

async function down(): Promise<number> {
  const hosts = findHosts(runName);
  const demo = await openDemo();
  if (hosts !== undefined && demo.hasState() && demo.pulumi(["destroy", "--yes"]) !== 0) {
    progress("the stack could not be destroyed; its hosts go now, and all that was on them");
  }
  await hosts?.destroy();
  removeDemo();
  progress("the demo is gone: stack, hosts and state (what was downloaded and built stays in the cache)");
  return 0;
}

async function host(words: readonly string[]): Promise<number> {
  const [command = "", ...rest] = words;
  const argv = [join(repository, "dev/hosts/cli.ts"), command, "--run", runName, ...rest];
  return spawnSync(process.execPath, argv, { stdio: "inherit" }).status ?? 1;
}

function whatNext(url: string): string {
  return `
Now try:
  edit examples/apache/index.ts, then    npm run demo -- pulumi up
  look for drift                         npm run demo -- pulumi preview --refresh
  spoil something first                  npm run demo -- shell web1 find /var/lib/pulumi-jail/jails -name index.html -delete
     (then preview --refresh names it, and npm run demo -- pulumi up --refresh mends it)
  ask the edge again                     npm run demo -- requests        (or: curl ${url})
  use your own shell                     eval "$(sh dev/run demo env)"; pulumi stack
  take it all away                       npm run demo -- down
`;
}
