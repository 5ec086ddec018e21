import type { DiscoverySpec } from "../discovery/spec.ts";
import type { Host, Progress } from "../host/host.ts";
import type { Step } from "../host/step.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { bareSource } from "../manifest/source.ts";
import type { JailInputs } from "./inputs.ts";
import type { LockFiles } from "./lock.ts";

/** What a Jail needs of discovery; passed in, so that the laws can run without tracing anything. */
export interface DiscoveryFace {
  /** Opens a build root, traces in it, and leaves it open and pristine for the bytes to be copied from. */
  readonly discover: (
    host: Host,
    spec: DiscoverySpec,
    run: { readonly id: string; readonly urn: string; readonly lock: string; readonly progress?: Progress },
  ) => Promise<{
    readonly manifest: Manifest;
    readonly buildRoot: string;
    readonly denied?: Manifest["denied"];
    readonly notes?: readonly string[];
  }>;
  readonly openedAtStart: (manifest: Manifest, path: string) => boolean;
  readonly buildRootDirectory: (id: string) => string;
  readonly openBuildRootStep: (id: string, lock: string, spec: DiscoverySpec, tracer: boolean) => Step;
  readonly closeBuildRootStep: (id: string) => Step;
  readonly lockFiles: LockFiles;
}

/** The inputs that say what is in a jail. */
export function discoverySpec(inputs: JailInputs): DiscoverySpec {
  const { packages, content, unit, programs, include, exclude, users, files, prepare, discovery } = inputs;
  const source = bareSource(inputs.source, content);
  return { packages, source, content, unit, programs, include, exclude, users, files, prepare, discovery };
}
