import type { FoundSnmp } from "../../provider/port-mapping/snmp.ts";
import { SNMP_DIRECTORY, SNMP_PROGRAM, SNMP_SERVICE_PATH, SNMP_SOCKET_PATH } from "../../provider/systemd/snmp-unit.ts";
import type { FakeHost, FakeState } from "./fake-host.ts";

const UNIT = "pulumi-jail-snmp.socket";

/** What edge-snmp.sh does, on a fake host. */
export function addFakeSnmp(host: FakeHost): void {
  const targets = (name: string) => `${SNMP_DIRECTORY}/targets/${name}`;
  host.questions["edge-snmp"] = (state, [name = ""]): FoundSnmp => {
    const paths = [SNMP_PROGRAM, SNMP_SOCKET_PATH, SNMP_SERVICE_PATH, targets(name)];
    const there = paths.flatMap((path) => {
      const file = state.files.get(path);
      return file
        ? [[path, { mode: `${file.mode.replace(/^0/, "")}:${file.owner}`, text: file.content ?? "" }] as const]
        : [];
    });
    const isUp = state.files.has(`/etc/systemd/system/sockets.target.wants/${UNIT}`);
    return { files: new Map(there), listens: isUp, enabled: isUp };
  };
  host.steps["edge-snmp"] = (state, [name = ""], content = "") => {
    let rest = Buffer.from(content);
    const modes: readonly (readonly [string, string, string])[] = [
      [SNMP_PROGRAM, "0755", "root:root"],
      [SNMP_SOCKET_PATH, "0644", "root:root"],
      [SNMP_SERVICE_PATH, "0644", "root:root"],
      [targets(name), "0640", "root:pulumi-jail-edge"],
    ];
    for (const [path, mode, owner] of modes) {
      const line = rest.subarray(0, rest.indexOf("\n")).toString();
      const from = line.length + 1;
      const text = rest.subarray(from, from + Number(line)).toString();
      state.files.set(path, { type: "file", mode, owner, content: text });
      rest = rest.subarray(from + Number(line));
    }
    const link = { type: "link", mode: "0777", owner: "root:root", target: SNMP_SOCKET_PATH } as const;
    state.files.set(`/etc/systemd/system/sockets.target.wants/${UNIT}`, link);
  };
  host.steps["edge-snmp-drop"] = (state, [name = ""]) => dropFakeSnmp(state, name);
}

/** With the last targets goes all of it. */
export function dropFakeSnmp(state: FakeState, name: string): void {
  state.files.delete(`${SNMP_DIRECTORY}/targets/${name}`);
  const paths = [...state.files.keys()];
  if (paths.some((path) => path.startsWith(`${SNMP_DIRECTORY}/targets/`))) return;
  for (const path of paths)
    if (path.startsWith(`${SNMP_DIRECTORY}/`) || /\/pulumi-jail-snmp(@\.service|\.socket)$/.test(path))
      state.files.delete(path);
}
