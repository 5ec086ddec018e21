import { createHash } from "node:crypto";
import { parseService } from "../../provider/jailed-service/observe.ts";
import type { Launch } from "../../provider/manifest/launch.ts";
import { createFakeHost, FakeExit, type FakeHost, type FakeState, type FakeStep } from "./fake-host.ts";

/** What a host has besides files and units, as far as services use it. */
interface Kernel {
  readonly users: Map<string, string>;
  /** Elements of our table's maps and sets, `tcp4 1.2.3.4 . 80 : ...`; undefined without the table. */
  elements: Set<string> | undefined;
  /** "whole" as loaded by us. */
  chains: string;
  readonly namespaces: Map<string, string>;
  readonly forwarding: Set<string>;
  /** Where the responder listens. */
  readonly listens: Set<string>;
  /** Programs on ports of the service, as ask-service.sh tells them. */
  readonly strangers: string[];
  notEnforced: boolean;
  /** Starts of the services' own units. */
  starts: number;
}

const STATE = "/var/lib/pulumi-jail";
const UNITS = "/etc/systemd/system";
const WANTS = `${UNITS}/multi-user.target.wants`;
const SOCKETS = `${UNITS}/sockets.target.wants`;
const DRAINING = "/run/pulumi-jail-draining";

/** How the fake jail's daemon was seen to start. */
export const fakeLaunch: Launch = {
  unit: "daemon.service",
  type: "exec",
  argv: ["/usr/sbin/daemon", "-f"],
  workingDirectory: "/",
  environment: { LANG: "C" },
  user: "root",
  group: "root",
  users: [{ name: "www-data", group: "www-data", home: "/var/www" }],
  listens: [{ protocol: "tcp", jailPort: 80 }],
  writable: [
    { path: "/run/daemon", kind: "runtime", mode: "0755" },
    { path: "/var/log/daemon", kind: "logs", mode: "0750" },
  ],
  writeExecuteMemory: false,
};

/** A fake host with a jail `app` of these generations; one whose name begins with `bad` never gets well. */
export function createFakeServiceHost(generations: readonly string[]): FakeHost & { readonly kernel: Kernel } {
  const fake = createFakeHost();
  const kernel: Kernel = {
    users: new Map(),
    elements: undefined,
    chains: "whole",
    namespaces: new Map(),
    forwarding: new Set(),
    listens: new Set(),
    strangers: [],
    notEnforced: false,
    starts: 0,
  };
  fake.state.more.set("kernel", kernel);
  for (const generation of generations) {
    put(fake.state, `${STATE}/jails/app/generations/${generation}.launch.json`, "0600", JSON.stringify(fakeLaunch));
  }
  fake.questions["service"] = (state, [name = "", jail = "", generation = "", user = ""], content = "") =>
    parseService(name, describe(state, { name, jail, generation, user, paths: content.split("\n") }));
  Object.assign(fake.steps, serviceSteps, ruleSteps, responderSteps, portSteps);
  return Object.assign(fake, { kernel });
}

/** Everything but what moves by itself. */
export function serviceSnapshot(fake: FakeHost & { readonly kernel: Kernel }): unknown {
  const { kernel, state } = fake;
  const isSteady = (path: string) => !path.endsWith(".started") && !path.endsWith("/rules.sha256");
  return {
    files: [...state.files].filter(([path]) => isSteady(path)).sort(([a], [b]) => (a < b ? -1 : 1)),
    units: [...state.units]
      .filter(([, unit]) => unit.activeState === "active")
      .map(([name, unit]) => [name, unit.startedText])
      .sort(),
    users: [...kernel.users],
    elements: kernel.elements && [...kernel.elements].sort(),
    namespaces: [...kernel.namespaces].sort(),
  };
}

const serviceSteps: Readonly<Record<string, FakeStep>> = {
  "service-user": (state, [user = "", gecos = ""]) => {
    const kernel = kernelOf(state);
    kernel.users.set(user, gecos);
    return "997 997\n";
  },
  "service-files": (state, _args, content = "") => putAll(state, content),
  "service-shared-files": (state, _args, content = "") => putAll(state, content),
  "service-directory": (state, [path = "", uid = "", gid = "", mode = "", _tree, _jailPath, ...seeds]) => {
    const known = state.files.get(path);
    // What it was filled from is told by its content, which only a new one gets.
    const content = known ? known.content : seeds.join(" ") || undefined;
    state.files.set(path, { type: "directory", mode: known?.mode ?? mode, owner: `${uid}:${gid}`, content });
  },
  "host-probe": (state) => {
    kernelOf(state).notEnforced = true;
  },
  "service-launch": launch,
  "service-enable": (state, names) => {
    for (const name of names)
      state.files.set(`${WANTS}/${name}`, {
        type: "link",
        mode: "0777",
        owner: "root:root",
        target: `${UNITS}/${name}`,
      });
  },
  "service-drain": () => undefined,
  "service-undo-dropins": (state, [unit = ""]) => removeBelow(state, `${UNITS}/${unit}.d/`),
  "service-retire": (state, [name = "", slot = ""]) => {
    for (const unit of [`jailed-${name}@${slot}.service`, `jailed-${name}@${slot}-net.service`]) {
      stop(state, unit);
      state.files.delete(`${UNITS}/${unit}`);
      state.files.delete(`${WANTS}/${unit}`);
      removeBelow(state, `${UNITS}/${unit}.d/`);
    }
    kernelOf(state).namespaces.delete(`jail-${name}-${slot}`);
    state.files.delete(`${STATE}/services/${name}/${slot}.started`);
    removeBelow(state, `${STATE}/services/${name}/${slot}/`);
  },
  "service-drop-user": (state, [user = "", gecos = ""]) => {
    const kernel = kernelOf(state);
    if (kernel.users.get(user) === gecos) kernel.users.delete(user);
  },
  "service-forget": (state, [name = ""]) => {
    removeBelow(state, `${STATE}/services/${name}/`);
    if ([...state.files.keys()].some((path) => path.startsWith(`${STATE}/services/`))) return;
    const kernel = kernelOf(state);
    kernel.elements = undefined;
    kernel.notEnforced = false;
    kernel.listens.clear();
    removeBelow(state, `${SOCKETS}/`);
    removeBelow(state, `${DRAINING}/`);
    removeBelow(state, `${UNITS}/pulumi-jail-responder@`);
    removeBelow(state, `${STATE}-responder/`);
    stop(state, "pulumi-jail-rules.service");
    for (const path of [
      `${UNITS}/pulumi-jail-rules.service`,
      `${WANTS}/pulumi-jail-rules.service`,
      `${STATE}/rules.nft`,
      `${STATE}/rules.sha256`,
    ])
      state.files.delete(path);
  },
};

const ruleSteps: Readonly<Record<string, FakeStep>> = {
  "rules-load": load,
  "rules-switch": (state, [name = "", ...addresses], content = "") => {
    const kernel = kernelOf(state);
    put(state, `${STATE}/services/${name}/rules.nft`, "0600", content);
    if (kernel.elements === undefined) return load(state);
    const keys = elementsIn(content).map((element) => element.split(" : ")[0]);
    for (const element of [...kernel.elements]) {
      if (addresses.some((address) => element.includes(`${address} .`)) || keys.includes(element.split(" : ")[0]))
        kernel.elements.delete(element);
    }
    for (const element of elementsIn(content)) kernel.elements.add(element);
  },
  "rules-note": (state, [name = ""], content = "") =>
    put(state, `${STATE}/services/${name}/rules.nft`, "0600", content),
  "rules-clear": (state, [name = "", ...addresses]) => {
    const { elements } = kernelOf(state);
    for (const element of [...(elements ?? [])]) {
      if (addresses.some((address) => element.includes(`${address} .`))) elements?.delete(element);
    }
    state.files.delete(`${STATE}/services/${name}/rules.nft`);
  },
  "network-forward": (state, devices) => {
    for (const device of devices) kernelOf(state).forwarding.add(device);
  },
  "network-rules": () => undefined,
};

const responderSteps: Readonly<Record<string, FakeStep>> = {
  "responder-files": (state, _args, content = "") => {
    putAll(state, content);
    removeBelow(state, `${UNITS}/pulumi-jail-responder@.service.d/`);
  },
  "responder-up": (state, [port = "", ...addresses]) => {
    for (const address of addresses) {
      const unit = `pulumi-jail-responder@${address}:${port}.socket`;
      const link = { type: "link", mode: "0777", owner: "root:root", target: "pulumi-jail-responder@.socket" } as const;
      state.files.set(`${SOCKETS}/${unit}`, link);
      kernelOf(state).listens.add(`${address}:${port}`);
    }
  },
  "responder-drain": (state, [name = ""]) => put(state, `${DRAINING}/${name}`, "0644", "1\n"),
  "responder-ready": (state, [name = ""]) => void state.files.delete(`${DRAINING}/${name}`),
};

const portSteps: Readonly<Record<string, FakeStep>> = {
  "ports-reserve": (state, [name = "", owner = ""], content = "") => {
    const others = registryLines(state).filter((line) => !line.startsWith(`${name}\t`));
    const host =
      others.find((line) => line.startsWith("@host\t")) ??
      ["@host", "responder", "tcp", 20128, 0, "allocated", owner].join("\t");
    const mine = content
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [key, protocol, start, fixed, jailPort] = line.split("\t");
        return [
          name,
          key,
          protocol,
          fixed === "0" ? start : fixed,
          jailPort,
          fixed === "0" ? "allocated" : "fixed",
          owner,
        ].join("\t");
      });
    const net = [name, "@net", "net", 0, 0, "allocated", owner].join("\t");
    const lines = [host, ...others.filter((line) => line !== host), net, ...mine];
    writeRegistry(state, lines);
    return `${[host, net, ...mine].join("\n")}\n`;
  },
  "ports-release": (state, [name = "", claim = ""]) => {
    const kept = registryLines(state).filter(
      (line) => !line.startsWith(`${name}\t`) || !line.includes(`"claim":"${claim}"`),
    );
    writeRegistry(state, kept.every((line) => line.startsWith("@host\t")) ? [] : kept);
  },
  "ports-restore": (state, _args, content = "") => {
    const lines = registryLines(state);
    const keyOf = (line: string) => line.split("\t").slice(0, 2).join(" ");
    const missing = content
      .split("\n")
      .filter((line) => line !== "" && !lines.some((other) => keyOf(other) === keyOf(line)));
    writeRegistry(state, [...lines, ...missing]);
  },
};

function launch(state: FakeState, args: readonly string[]): undefined {
  const [name = "", slot = "", previous = "", , , network = "", tree = ""] = args;
  const kernel = kernelOf(state);
  const unit = `jailed-${name}@${slot}.service`;
  if (previous !== "-") stop(state, `jailed-${name}@${previous}.service`);
  if (network === "private") {
    start(state, `jailed-${name}@${slot}-net.service`);
    kernel.namespaces.set(`jail-${name}-${slot}`, fileText(state, `${UNITS}/jailed-${name}@${slot}-net.service`) ?? "");
    for (const device of [`pjv-0${slot}`, "host0"]) kernel.forwarding.add(device);
  }
  if (tree.includes("/bad")) {
    if (previous !== "-") start(state, `jailed-${name}@${previous}.service`);
    throw new FakeExit(1, "it did not start", "jailed did not start\nlog: bad configuration\n");
  }
  start(state, unit);
  kernel.starts += 1;
  put(state, `${STATE}/services/${name}/${slot}.started`, "0600", `${state.units.get(unit)?.mainPid}\n`);
}

function load(state: FakeState): undefined {
  const kernel = kernelOf(state);
  kernel.chains = "whole";
  const fragments = [...state.files].filter(([path]) => /\/services\/[^/]+\/rules\.nft$/.test(path));
  kernel.elements = new Set(fragments.flatMap(([, file]) => elementsIn(file.content ?? "")));
  put(state, `${STATE}/rules.sha256`, "0600", "whole\n");
  start(state, "pulumi-jail-rules.service");
}

function start(state: FakeState, name: string): void {
  const text = fileText(state, `${UNITS}/${name}`);
  if (text === undefined) throw new FakeExit(5, `Unit ${name} not found.`);
  const known = state.units.get(name);
  if (known?.activeState === "active") return;
  const mainPid = state.nextPid++;
  const loadedText = known?.loadedText || text;
  state.units.set(name, {
    loadState: "loaded",
    activeState: "active",
    enabled: false,
    loadedText,
    startedText: loadedText,
    mainPid,
    starts: (known?.starts ?? 0) + 1,
  });
}

function stop(state: FakeState, name: string): void {
  const known = state.units.get(name);
  if (known) state.units.set(name, { ...known, activeState: "inactive", startedText: undefined, mainPid: 0 });
}

/** What scripts/ask-service.sh prints. */
function describe(
  state: FakeState,
  of: {
    readonly name: string;
    readonly jail: string;
    readonly generation: string;
    readonly user: string;
    readonly paths: readonly string[];
  },
): string {
  const kernel = kernelOf(state);
  const base = `${STATE}/services/${of.name}`;
  const tree = `${STATE}/jails/${of.jail}/generations/${of.generation}`;
  const section = (name: string, text: string | undefined) =>
    text === undefined
      ? [`@${name} absent`]
      : [
          `@${name}`,
          ...text
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => ` ${line}`),
        ];
  const hashes = [...state.files]
    .filter(
      ([path, file]) =>
        file.type === "file" &&
        (path.startsWith(`${base}/a/`) ||
          path.startsWith(`${base}/b/`) ||
          path === `${STATE}/rules.nft` ||
          path === `${STATE}-responder/respond` ||
          (path.startsWith(`${UNITS}/`) && !path.includes(".d/"))),
    )
    .map(([path, file]) => `${sha256(file.content ?? "")} ${file.mode} 0 0 ${path}`);
  const units = ["a", "b"].flatMap((slot) => [
    `jailed-${of.name}@${slot}.service`,
    `jailed-${of.name}@${slot}-net.service`,
  ]);
  const slotLines = (slot: string) => [
    ...section(`started-${slot}`, fileText(state, `${base}/${slot}.started`)),
    ...section(`digest-${slot}`, fileText(state, `${base}/${slot}/digest`)),
    ...section(`uses-${slot}`, fileText(state, `${base}/${slot}/uses`)),
    ...section(
      `dropins-${slot}`,
      [...state.files.keys()]
        .filter((path) => path.startsWith(`${UNITS}/jailed-${of.name}@${slot}.service.d/`))
        .map((path) => `- 0644 0 0 ${path}`)
        .join("\n"),
    ),
    ...section(`network-${slot}`, network(state, of.name, slot)),
    ...(state.units.get(`jailed-${of.name}@${slot}.service`)?.activeState === "active"
      ? [`@exposure-${slot}`, " 0.5", ...proof(state, of.name, slot)]
      : []),
  ];
  return [
    ...section("owner", fileText(state, `${base}/owner`)),
    ...section("fragment", fileText(state, `${base}/rules.nft`)),
    ...section("launch", fileText(state, `${tree}.launch.json`)),
    ...section("seeds", /^"seeds":(\[.*\]),?$/m.exec(fileText(state, `${tree}.manifest.json`) ?? "")?.[1] ?? ""),
    ...section("registry", fileText(state, `${STATE}/ports`)),
    ...section("rules-sha256", fileText(state, `${STATE}/rules.sha256`)),
    ...section("not-enforced", kernel.notEnforced ? "PrivatePIDs\n" : undefined),
    ...(state.files.has(`${tree}.launch.json`)
      ? [
          "@tree",
          ` 1:${of.generation}`,
          ...["/etc/passwd", "/etc/group", "/etc/hosts"].map((path) => ` regular-file ${path}`),
          ...of.paths.filter((path) => /^\/(srv|var)\//.test(path)).map((path) => ` directory ${path}`),
        ]
      : ["@tree absent"]),
    ...section(
      "user",
      kernel.users.has(of.user) ? `${of.user}:x:997:997:${kernel.users.get(of.user)}:/:/usr/sbin/nologin` : "",
    ),
    "@nameservers",
    ...section("files", hashes.join("\n")),
    ...slotLines("a"),
    ...slotLines("b"),
    ...section(
      "volumes",
      [...state.files]
        .filter(
          ([path, file]) =>
            file.type === "directory" && (path.startsWith(`${STATE}/volumes/`) || path.startsWith(`${base}/scratch/`)),
        )
        .map(([path, file]) => `${file.owner.split(":")[0]} ${path}`)
        .join("\n"),
    ),
    "@units",
    ...[...units, "pulumi-jail-rules.service"].flatMap((name) => [
      ` Id=${name}`,
      ` ActiveState=${state.units.get(name)?.activeState ?? "inactive"}`,
      ` InvocationID=${state.units.get(name)?.mainPid ?? ""}`,
      ` NeedDaemonReload=${needsReload(state, name) ? "yes" : "no"}`,
      " ",
    ]),
    ...section(
      "enabled",
      [...state.files.keys()]
        .filter((path) => path.startsWith(`${WANTS}/`))
        .map((path) => path.slice(WANTS.length + 1))
        .join("\n"),
    ),
    ...(kernel.elements === undefined
      ? ["@table absent"]
      : ["@table", ` sha256 ${kernel.chains}`, ...[...kernel.elements].map((element) => ` ${element}`)]),
    ...section("responder", responder(state)),
    ...section("strangers", kernel.strangers.join("\n")),
    ...section("forwarding", [...kernel.forwarding].join("\n")),
    "@end",
  ].join("\n");
}

function responder(state: FakeState): string {
  const below = (prefix: string) =>
    [...state.files.keys()].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  return [
    ...[...kernelOf(state).listens].map((at) => `listens ${at}`),
    ...below(`${SOCKETS}/`).map((unit) => `enabled ${unit}`),
    ...below(`${DRAINING}/`).map((name) => `drains ${name}`),
    ...below(`${UNITS}/pulumi-jail-responder@.service.d/`).map((name) => `dropin ${name}`),
    "published",
  ].join("\n");
}

function network(state: FakeState, name: string, slot: string): string {
  const unit = kernelOf(state).namespaces.get(`jail-${name}-${slot}`);
  if (unit === undefined) return "";
  const address = /addr add (100\.127\.\S+) dev eth0/.exec(unit)?.[1];
  const gateway = /default via (\S+)/.exec(unit)?.[1];
  return `inode 7${slot}\naddress ${address}\nportstart 0\ngateway ${gateway}`;
}

/** A process that is confined as its unit was when it started. */
function proof(state: FakeState, name: string, slot: string): readonly string[] {
  const unit = state.units.get(`jailed-${name}@${slot}.service`);
  const tree = /^RootDirectory=.*\/(.*)$/m.exec(unit?.startedText ?? "")?.[1];
  const user = /^User=root$/m.test(unit?.startedText ?? "") ? 0 : 997;
  return [
    `@proof-${slot}`,
    " init mnt=1 net=1 ipc=1 user=1 uts=1",
    ` main ${unit?.mainPid}`,
    ` pid ${unit?.mainPid} root=1:${tree} mnt=2 net=7${slot} ipc=2 user=2 uts=2 uid=${Array(4).fill(user).join(",")} gid=997,997,997,997 groups= caps=0,0,0,0,0 nnp=1 seccomp=2`,
    " mount / / ro,nosuid ext4 ro",
  ];
}

function needsReload(state: FakeState, name: string): boolean {
  const text = fileText(state, `${UNITS}/${name}`);
  const unit = state.units.get(name);
  return unit !== undefined && unit.activeState === "active" && text !== undefined && text !== unit.loadedText;
}

function elementsIn(fragment: string): readonly string[] {
  return [...fragment.matchAll(/^add element inet pulumi_jail (\w+) \{ (.*) \}$/gm)].flatMap(([, set, list]) =>
    (list ?? "").split(", ").map((element) => `${set} ${element}`),
  );
}

function putAll(state: FakeState, bundle: string): void {
  let rest = Buffer.from(bundle);
  while (rest.length > 0) {
    const end = rest.indexOf("\n");
    const [path = "", mode = "", length] = rest.subarray(0, end).toString().split(" ");
    const from = end + 1;
    put(state, path, mode, rest.subarray(from, from + Number(length)).toString());
    rest = rest.subarray(from + Number(length));
  }
}

function put(state: FakeState, path: string, mode: string, content: string): void {
  state.files.set(path, { type: "file", mode, owner: "root:root", content });
}

function fileText(state: FakeState, path: string): string | undefined {
  return state.files.get(path)?.content;
}

function removeBelow(state: FakeState, prefix: string): void {
  for (const path of [...state.files.keys()]) if (path.startsWith(prefix)) state.files.delete(path);
}

function registryLines(state: FakeState): readonly string[] {
  return (fileText(state, `${STATE}/ports`) ?? "").split("\n").filter((line) => line !== "");
}

function writeRegistry(state: FakeState, lines: readonly string[]): void {
  if (lines.length === 0) state.files.delete(`${STATE}/ports`);
  else put(state, `${STATE}/ports`, "0600", `${lines.join("\n")}\n`);
}

function kernelOf(state: FakeState): Kernel {
  return state.more.get("kernel") as Kernel;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
