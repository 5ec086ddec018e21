import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** No npm package has SPDX's official schema; this Go module does, and Go is needed for the engine anyway. */
const MODULE = "github.com/CycloneDX/sbom-utility@v0.16.0";
const SUM = "h1:EpHNoLmw3vfVQWFFflFHmwo7mCWO833qRm+AlbG8wXY=";

/** The official JSON schema of SPDX 2.3, from the module cache or downloaded into it; throws when it is not what was pinned. */
export function spdxSchema(): object {
  const words = ["mod", "download", "-json", MODULE];
  // Not in a module of ours: the directory must not matter.
  const text = execFileSync("go", words, { cwd: tmpdir(), encoding: "utf8", env: { ...process.env, GOFLAGS: "" } });
  const { Dir, Sum } = JSON.parse(text) as { readonly Dir: string; readonly Sum: string };
  if (Sum !== SUM) throw new Error(`${MODULE} is ${Sum}, not ${SUM}`);
  return JSON.parse(readFileSync(join(Dir, "resources/schema/spdx/2.3/spdx-schema.json"), "utf8")) as object;
}
