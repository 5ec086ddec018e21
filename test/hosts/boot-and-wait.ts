/** Boots a run and waits to be killed: `node boot-and-wait.ts RUN HOST...`. For the proof that a killed run can be swept. */
import { bootHosts } from "../../dev/hosts/index.ts";

const [run = "", ...hosts] = process.argv.slice(2);
await bootHosts({ run, hosts, progress: (line) => console.log(line) });
console.log("booted");
setInterval(() => {}, 1_000);
