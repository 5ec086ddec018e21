import type { KnownStack } from "../../provider/cli/stack.ts";
import { parseAnswer } from "../../provider/cli/status/answer.ts";
import { assembleStatus } from "../../provider/cli/status/assemble.ts";
import { hostsOf } from "../../provider/cli/status/known-host.ts";
import type { Looked } from "../../provider/cli/status/look.ts";
import type { Status } from "../../provider/cli/status/shape.ts";

const GENERATION = "cc50819f4ef243b0";

/** A state with a service on each host, behind one mapping on the first; names may be anything. */
export function stackOf(names: readonly string[], stack = "dev"): KnownStack {
  const connection = (index: number) => ({
    ...{ host: `10.0.0.${index + 1}`, port: 22, user: "root", sudo: false },
    ...{ hostKey: "ssh-ed25519 AAAA", dialErrorLimit: 10, perDialTimeout: 15 },
  });
  const properties = (index: number) => ({
    connection: connection(index),
    __jail: { schema: 1, name: "x", host: names[index], urn: "", organization: "o", timeouts: {} },
    ...{ drift: [], claim: "c", hostId: "", generation: GENERATION, jailName: "apache" },
  });
  const known = (type: string, index: number, own: object) => ({
    urn: `urn:pulumi:${stack}::shop::pulumi-nodejs:dynamic/jail:${type}::${type}-${index}`,
    ...{ host: names[index], properties: { ...properties(index), ...own } },
  });
  const endpoint = (index: number) => ({
    name: `web.http.10.0.0.${index + 1}`,
    address: `10.0.0.${index + 1}`,
    hostPort: 20128 + index,
  });
  const service = (_: string, index: number) =>
    known("JailedService", index, {
      ...{ serviceName: "web", network: "private", unitName: "jailed-web@a.service" },
      ...{ ports: { http: { jailPort: 80 } }, endpoints: { http: endpoint(index) } },
      ...(index === 1 && { connects: { sibling: { endpoint: endpoint(0) } } }),
    });
  const mapping = known("PortMapping", 0, {
    ...{
      mappingName: "site",
      url: "http://10.0.0.1/",
      mode: "http",
      engine: "haproxy",
      bindAddress: "*",
      bindPort: 80,
    },
    backends: names.map((_, index) => ({ ...endpoint(index), weight: 100, state: "ready" })),
  });
  return {
    ...{ stack, project: "shop" },
    jails: names.map((_, index) => known("Jail", index, {})),
    services: names.map(service),
    mappings: [mapping],
  } as unknown as KnownStack;
}

/** What such a host answers when all is well; with `servers` backends, of which those of `sick` are down. */
export function answerOf(index: number, servers = 0, sick: readonly number[] = []): string {
  const coded = (text: string) => Buffer.from(text).toString("base64");
  const rows = Array.from({ length: servers }, (_, server) => {
    const about = sick.includes(server) ? "DOWN,100,L4CON" : `UP,${100 - server},L7OK`;
    return `site,web.http.10.0.0.${server + 1},0,${server},17,${about},3`;
  });
  const stat = [
    "# pxname,svname,qcur,scur,stot,status,weight,check_status,req_tot",
    ...rows,
    "site,BACKEND,0,4,51,UP,3,,9",
  ];
  return [
    "host\t93784\t0.42\t2\t2000000\t1500000",
    "responder\t10.0.0.1:20100\tanswers\t87",
    `jail\tapache\t${GENERATION}\t2`,
    `service\tweb\tjailed-web@a.service\tactive\trunning\tsuccess\t0\t7500\t12345678\t2500000000\t7\t${GENERATION}\tready\tknown`,
    `port\tweb\thttp\ttcp\t${20128 + index}\t80`,
    "health\tweb\tup",
    ...(servers > 0
      ? [
          `edge\t${coded("ActiveState=active\nActiveEnterTimestampMonotonic=3784000000\n")}`,
          `info\t${coded("Name: HAProxy\nVersion: 2.6.12\nCurrConns: 4\n")}`,
          `stat\t${coded(stat.join("\n"))}`,
        ]
      : []),
    "",
  ].join("\n");
}

/** The status of such a stack, with what each host gave by its name. */
export function statusOf(known: KnownStack, looked: (name: string, index: number) => Looked | undefined): Status {
  const hosts = hostsOf(known).map((host, index) => [host, looked(host.name, index)] as const);
  return assembleStatus(known, hosts, new Date(0));
}

/** A host that answered so. */
export function answered(text: string): Looked {
  return { answer: parseAnswer(text), drift: new Map() };
}

/** Names as somebody might give them who means no good: for XML, Mermaid, Prometheus and terminals. */
export const hostileNames: readonly string[] = [
  `</text><script>alert("1")</script>&x;'`,
  `"]\n  click s0 "javascript:alert(1)"\n%%{init: {}}%%`,
  `a\\"} 1\nevil_metric{x="`,
  "\u001b[31mred\u0007\r\u009b2J\u202etxt.exe\u2028",
  `"#quot;--&gt; end ;;; \`**b**\` <br> \ud800 \uffff`,
];
