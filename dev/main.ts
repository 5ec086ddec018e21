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
    process.exitCode = await (await import("./bench.ts")).runBench("bench/main.ts", words);
    break;
  case "bench:services":
    process.exitCode = await (await import("./bench.ts")).runBench("bench/services/main.ts", words);
    break;
  default:
    progress(`unknown command ${JSON.stringify(command ?? "")}; there are test, demo, bench and bench:services`);
    process.exitCode = 2;
}
