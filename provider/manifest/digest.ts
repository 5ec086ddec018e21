import { createHash } from "node:crypto";
import { renderEntries } from "./entries.ts";
import type { Manifest } from "./manifest.ts";

/**
 * A generation's name: 16 hex of the sha256 over its entries' path, kind, mode, owner by name, content, target. Equal on
 * all hosts. Reasons, package versions and the launch are told by the manifest and are no part of it.
 */
export function generationDigest(manifest: Pick<Manifest, "entries" | "launch">): string {
  return sha256(renderEntries(manifest)).slice(0, 16);
}

/** sha256 in hex of a text as UTF-8. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
