/** What the running proxy says of itself. */
export interface Running {
  /** The description of the configuration that it runs on (configuration.ts). */
  readonly description: string;
  /** By backend, by name. */
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, RunningServer>>;
}

export interface RunningServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** As an operator set it; checks move the operational state, which is nobody's drift. */
  readonly admin: "ready" | "drain" | "maint";
  /** Its last check passed. */
  readonly healthy: boolean;
  /** Absent: no agent-check. */
  readonly agent?: RunningAgent;
}

/** The agent-check of a running server. */
export interface RunningAgent {
  readonly port: number;
  /** Whether it is enabled. */
  readonly asked: boolean;
  /** The weight of which answers are a part. */
  readonly initialWeight: number;
}

/** `show info` and `show servers state` (HAProxy management guide, 9.3). */
export function parseRunning(info: string, serversState: string): Running {
  const description = /^description: (.*)$/m.exec(info)?.[1];
  if (!/^Name: HAProxy$/m.test(info)) throw new Error("the proxy's socket does not answer `show info`");
  return { description: description ?? "", servers: parseServersState(serversState) };
}

/** srv_admin_state bits (HAProxy's `enum srv_admin`): maintenance forced, inherited, by resolution, by host name. CMAINT (0x04) only says where it came from. */
const MAINTENANCE = 0x01 | 0x02 | 0x20 | 0x40;
const DRAIN = 0x08 | 0x10;
/** srv_check_result: passed, or passed but wishes no new sessions. */
const PASSED = ["3", "4"];

function parseServersState(text: string): Running["servers"] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const header = lines.findIndex((line) => line.startsWith("# be_id "));
  if (header < 0) throw new Error("the proxy's socket does not answer `show servers state`");
  const columns = lines[header]!.slice(2).split(" ");
  const backends = new Map<string, Map<string, RunningServer>>();
  for (const line of lines.slice(header + 1)) {
    const cells = line.split(" ");
    const cell = (column: string): string => {
      const value = cells[columns.indexOf(column)];
      if (value === undefined) throw new Error(`\`show servers state\` lacks ${column}`);
      return value;
    };
    const servers = backends.get(cell("be_name")) ?? new Map<string, RunningServer>();
    backends.set(cell("be_name"), servers);
    const admin = Number(cell("srv_admin_state"));
    servers.set(cell("srv_name"), {
      name: cell("srv_name"),
      address: cell("srv_addr"),
      port: Number(cell("srv_port")),
      weight: Number(cell("srv_uweight")),
      admin: admin & MAINTENANCE ? "maint" : admin & DRAIN ? "drain" : "ready",
      healthy: cell("srv_op_state") === "2" && PASSED.includes(cell("srv_check_result")),
      ...agentIn(cell),
    });
  }
  return backends;
}

/** `enum chk_state`: enabled. */
const ENABLED = 0x04;

function agentIn(cell: (column: string) => string): { readonly agent?: RunningAgent } {
  const port = Number(cell("srv_agent_port"));
  if (!port) return {};
  const asked = (Number(cell("srv_agent_state")) & ENABLED) !== 0;
  return { agent: { port, asked, initialWeight: Number(cell("srv_iweight")) } };
}
