import { join } from "node:path";

// The runtime's face is compiled to CommonJS and finds its scripts beside itself; Node runs its sources here as modules,
// which have no such name.
Object.assign(globalThis, { __dirname: join(import.meta.dirname, "../../provider/host") });
