import { type ChildProcess, spawn } from "node:child_process";
import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";

/** cmd/run exits so when it has told the user already (sdk/nodejs/cmd/run/index.ts). */
const TOLD_THE_USER = 32;

/** What a program's end means to the engine; `bail` = the user has been told, add nothing. */
export interface Outcome {
  readonly error: string;
  readonly bail: boolean;
}

/** Runs the user's program in a Node process of its own, as the SDK's cmd/run wants to be started. */
export class ProgramRunner {
  engineAddress: string;
  private readonly cmdRun: string;
  private readonly children = new Set<ChildProcess>();

  constructor(cmdRun: string, engineAddress: string) {
    this.cmdRun = cmdRun;
    this.engineAddress = engineAddress;
  }

  /** Starts the program of a request and waits for its end. */
  run(request: RunRequest): Promise<Outcome> {
    const child = spawn(process.execPath, [...nodeArguments(request), this.cmdRun, ...this.flags(request)], {
      cwd: request.getInfo()?.getProgramDirectory() || request.getPwd(),
      env: { ...process.env, ...environment(request) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    this.children.add(child);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        this.children.delete(child);
        resolve(describeExit(code, signal));
      });
    });
  }

  stop(): void {
    for (const child of this.children) child.kill("SIGKILL");
  }

  private flags(request: RunRequest): string[] {
    const info = request.getInfo();
    const flags = {
      monitor: request.getMonitorAddress(),
      engine: this.engineAddress,
      organization: request.getOrganization(),
      project: request.getProject(),
      "root-directory": info?.getRootDirectory() ?? "",
      stack: request.getStack(),
      pwd: info?.getProgramDirectory() || request.getPwd(),
      parallel: String(request.getParallel()),
    };
    const words = Object.entries(flags).flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value]));
    return [
      ...words,
      ...(request.getDryrun() ? ["--dry-run"] : []),
      info?.getEntryPoint() || request.getProgram() || ".",
      ...request.getArgsList(),
    ];
  }
}

function nodeArguments(request: RunRequest): string[] {
  return String(option(request, "nodeargs") ?? "")
    .split(" ")
    .filter((word) => word !== "");
}

function environment(request: RunRequest): Record<string, string> {
  const tsconfig = option(request, "tsconfig");
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    PULUMI_NODEJS_TYPESCRIPT: String(option(request, "typescript") ?? true),
    ...(typeof tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
}

function option(request: RunRequest, name: string): unknown {
  return request.getInfo()?.getOptions()?.toJavaScript()[name];
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): Outcome {
  if (code === 0) return { error: "", bail: false };
  if (code === TOLD_THE_USER) return { error: "", bail: true };
  return { error: `Program exited with ${signal === null ? `non-zero exit code: ${code}` : signal}`, bail: false };
}
