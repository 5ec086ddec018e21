import type { PackagedService } from "./list.ts";

/** The whole program of a row: what a user would write, with the row's words as its configuration. */
export const program = `import * as pulumi from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

const { name, host, packages, unit, ports, files, source } = new pulumi.Config().requireObject("service");
const jail = new Jail(name, { connection: Host.fromConfig(host), packages, unit, ...(files && { files }), ...(source && { source }) });
new JailedService(name, { jail, ports });
`;

/** The row as that program reads it. */
export function programConfig(service: PackagedService, host: string): Readonly<Record<string, unknown>> {
  const ports = Object.entries(service.ports).map(([key, { speaks: _, ...port }]) => [key, port]);
  const files = Object.entries(service.files ?? {}).map(([path, content]) => [path, { content }]);
  return {
    name: service.name,
    host,
    packages: service.packages,
    unit: service.unit,
    ports: Object.fromEntries(ports),
    ...(service.suite === undefined ? {} : { source: { suite: service.suite } }),
    ...(files.length === 0 ? {} : { files: Object.fromEntries(files) }),
  };
}
