import { expect, test } from "vitest";
import { observeEdge } from "../../../provider/port-mapping/observe.ts";

const INFO = "Name: HAProxy\ndescription: x\n";
const SERVERS = "1\n# be_id be_name srv_id srv_name\n";

test.each([
  ["active", INFO, SERVERS, { description: "x", servers: new Map() }],
  ["reloading", INFO, SERVERS, { description: "x", servers: new Map() }],
  ["active", "-", "-", undefined],
  ["active", INFO, "-", undefined],
  ["reloading", "-", "-", undefined],
])("a proxy that is %s and says %j, %j is observed without an error", (state, info, servers, proxy) => {
  expect(observeEdge(80).parse(answer(state, said(info), said(servers))).proxy).toEqual(proxy);
});

test.each(["inactive", "failed", "activating", "deactivating"])("one that is %s is not asked for", (state) => {
  expect(observeEdge(80).parse(answer(state))).toMatchObject({ proxy: undefined, outOfJail: [] });
});

/** As ask-edge.sh tells it. */
function answer(state: string, info?: string, servers?: string): string {
  return [
    "guard 0",
    "configuration - -",
    "unit - -",
    `show ${base64(`ActiveState=${state}\n`)}`,
    `user ${base64("-")}`,
    ...(info === undefined ? [] : ["sees - -", "tree -", `info ${info}`, `servers ${servers}`]),
    "",
  ].join("\n");
}

function said(text: string): string {
  return text === "-" ? "-" : base64(text);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
