/**
 * Runs Node programs for the Pulumi engine, as `pulumi-language-nodejs` does, and no more than that. It stands in on
 * machines where the engine was built from its Go module, which has no language host. Users never get it.
 * Protocol: github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Grpc from "@grpc/grpc-js";
import { ProgramRunner } from "./program.ts";

// The engine starts a host in the program's directory: the program's own SDK is the one to speak with.
const requireFromProgram = createRequire(join(process.cwd(), "index.js"));
const requireFromSdk = createRequire(requireFromProgram.resolve("@pulumi/pulumi"));
const grpc = requireFromSdk("@grpc/grpc-js") as typeof Grpc;
const language = requireFromSdk("./proto/language_pb.js");
const plugin = requireFromSdk("./proto/plugin_pb.js");
const { LanguageRuntimeService } = requireFromSdk("./proto/language_grpc_pb.js");
const { Empty } = requireFromSdk("google-protobuf/google/protobuf/empty_pb.js");

const runner = new ProgramRunner(requireFromProgram.resolve("@pulumi/pulumi/cmd/run"), process.argv.at(-1) ?? "");

const server = new grpc.Server();
server.addService(LanguageRuntimeService, {
  handshake: answer((request) => {
    runner.engineAddress = request.getEngineAddress();
    return new language.LanguageHandshakeResponse();
  }),
  getPluginInfo: answer(() => new plugin.PluginInfo().setVersion(requireFromSdk("./package.json").version)),
  getRequiredPlugins: answer(() => new language.GetRequiredPluginsResponse()),
  getRequiredPackages: answer(() => new language.GetRequiredPackagesResponse()),
  getProgramDependencies: answer(() => new language.GetProgramDependenciesResponse()),
  runtimeOptionsPrompts: answer(() => new language.RuntimeOptionsResponse()),
  about: answer(() => new language.AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
  run: answer(async (request) => {
    const outcome = await runner.run(request);
    return new language.RunResponse().setError(outcome.error).setBail(outcome.bail);
  }),
  cancel: answer(() => {
    runner.stop();
    return new Empty();
  }),
});

server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});

// A killed engine says nothing: its program must not live on and register resources with nobody.
const engine = process.ppid;
setInterval(() => {
  if (process.ppid === engine) return;
  runner.stop();
  process.exit(1);
}, 500).unref();

// biome-ignore lint/suspicious/noExplicitAny: the SDK's messages are loaded from the program's directory, so their types are not known here
function answer(reply: (request: any) => unknown): Grpc.handleUnaryCall<unknown, unknown> {
  return async (call, callback) => {
    try {
      callback(null, await reply(call.request));
    } catch (error) {
      callback({ code: grpc.status.INTERNAL, details: String((error as Error).stack ?? error) });
    }
  };
}
