/** Where `npm test`, `npm run demo` and `npm run bench` arrive once dev/run has prepared Node, packages and dist. */
import { progress } from "./progress.ts";

const [command, ...words] = process.argv.slice(2);

switch (command) {
  case "test":
    process.exitCode = await (await import("./test.ts")).runTests(words);
    break;
  case "demo":
    process.exitCode = await (await import("./demo.ts")).runDemo(words);
    break;
  case "bench":
    process.exitCode = await (await import("./bench.ts")).runBench(words);
    break;
  default:
    progress(`unknown command ${JSON.stringify(command ?? "")}; there are test, demo and bench`);
    process.exitCode = 2;
}
