import { createRequire } from "node:module";
import type * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";

/**
 * Lines on a resource's own row. `pulumi.log` reaches nobody from a dynamic provider's process, but the engine's
 * address is the process's first argument. Failing to log never fails an operation.
 */
export interface EngineLog {
  /** The row's status while the operation runs; gone afterwards. */
  readonly status: (text: string) => void;
  /** A line that stays under Diagnostics. */
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
}

/** The log of one resource; silent where there is no engine, as in tests. */
export function engineLogFor(urn: string | undefined): EngineLog {
  return {
    status: (text) => send(urn, text, LogSeverity.INFO, true),
    info: (text) => once(urn, text, () => send(urn, text, LogSeverity.INFO, false)),
    warn: (text) => send(urn, text, LogSeverity.WARNING, false),
  };
}

/** The engine asks for a diff twice when it refreshes first; the process lives for one run. */
const told = new Set<string>();

function once(urn: string | undefined, text: string, tell: () => void): void {
  const line = `${urn} ${text}`;
  if (told.has(line)) return;
  told.add(line);
  tell();
}

let client: EngineClient | undefined;

/** The very copy that the SDK's generated client uses: credentials of another copy are refused. */
function sdkGrpc(): typeof grpc {
  return createRequire(require.resolve("@pulumi/pulumi"))("@grpc/grpc-js") as typeof grpc;
}

function send(urn: string | undefined, text: string, severity: LogSeverity, ephemeral: boolean): void {
  const address = process.argv[2];
  if (!address || !urn || !/^[\w.:[\]-]+:\d+$/.test(address)) return;
  try {
    client ??= new EngineClient(address, sdkGrpc().credentials.createInsecure());
    const request = new LogRequest();
    request.setSeverity(severity);
    request.setMessage(text);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    client.log(request, () => undefined);
  } catch {
    client = undefined;
  }
}
