import { describe, expect, test } from "vitest";
import { parseRunning } from "../../../provider/haproxy/running.ts";
import { planRuntime } from "../../../provider/haproxy/runtime.ts";
import { mapping, server } from "./fixtures.ts";

/** As HAProxy 2.6.12 printed it, shortened. */
const INFO = `Name: HAProxy
Version: 2.6.12-1+deb12u4
Pid: 30294
node: vm
description: pulumi-jail 0123456789abcdef
Stopping: 0
`;
const STATE = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 site 1 web1 10.0.0.4 2 0 100 100 1 6 3 4 6 0 0 0 - 20128 - 0 0 - - 0
3 site 2 web2 10.0.0.5 0 5 40 40 1 1 0 0 14 0 0 0 - 20129 - 0 0 - - 0
3 site 3 six 2001:db8::6 2 8 40 40 0 8 2 0 6 0 0 0 - 18083 - 0 0 - - 0
3 site 4 back ::1 2 4 40 40 0 8 3 0 6 0 0 0 - 18083 - 0 0 - - 0

`;

describe("parseRunning", () => {
  test("reads servers, their administrative state and their health", () => {
    const { description, servers } = parseRunning(INFO, STATE);
    expect(description).toBe("pulumi-jail 0123456789abcdef");
    expect([...servers.get("site")!.values()]).toEqual([
      { name: "web1", address: "10.0.0.4", port: 20128, weight: 100, admin: "ready", healthy: true },
      { name: "web2", address: "10.0.0.5", port: 20129, weight: 40, admin: "maint", healthy: false },
      { name: "six", address: "2001:db8::6", port: 18083, weight: 40, admin: "drain", healthy: false },
      // CMAINT alone: in maintenance by the file once, and taken out of it.
      { name: "back", address: "::1", port: 18083, weight: 40, admin: "ready", healthy: true },
    ]);
  });

  test.each([
    ["", STATE],
    [INFO, ""],
    [INFO, "Unknown command\n"],
  ])("throws at an answer that is none", (info, state) => {
    expect(() => parseRunning(info, state)).toThrow("does not answer");
  });
});

describe("planRuntime", () => {
  const running = parseRunning(INFO, STATE).servers.get("site")!;

  test("says what differs and nothing else", () => {
    const declared = mapping({
      servers: [
        server({ weight: 40 }),
        server({ name: "web2", address: "10.0.0.5", port: 20129, weight: 40 }),
        server({ name: "web3", address: "10.0.0.6" }),
        server({ name: "web4", address: "2001:db8::9", state: "maint" }),
      ],
    });
    expect(planRuntime(declared, running)).toEqual({
      admit: [
        "set server site/web1 weight 40",
        "set server site/web2 state ready",
        "add server site/web3 10.0.0.6:20128 weight 100 check inter 2s rise 2 fall 3",
        "enable health site/web3",
        "set server site/web3 state ready",
        "add server site/web4 [2001:db8::9]:20128 weight 100 check inter 2s rise 2 fall 3",
        "enable health site/web4",
      ],
      arriving: ["web3"],
      leaving: ["back", "six"],
      retire: [
        "set server site/back state maint",
        "shutdown sessions server site/back",
        "del server site/back",
        "set server site/six state maint",
        "shutdown sessions server site/six",
        "del server site/six",
      ],
      stuck: [],
    });
  });

  test("moves a server, puts it into maintenance, drains it by its weight", () => {
    const change = (given: Parameters<typeof server>[0]) =>
      planRuntime(mapping({ servers: [server(given)] }), new Map([["web1", running.get("web1")!]])).admit;
    expect(change({})).toEqual([]);
    expect(change({ address: "10.0.0.9", port: 1 })).toEqual(["set server site/web1 addr 10.0.0.9 port 1"]);
    expect(change({ state: "maint" })).toEqual(["set server site/web1 state maint"]);
    expect(change({ state: "drain" })).toEqual(["set server site/web1 weight 0"]);
  });
});
