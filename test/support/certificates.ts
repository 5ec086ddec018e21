import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Certificates of no use to anybody, valid for a hundred years: for names below `example` (RFC 2606). */
export function certificateOf(name: "shop" | "shop-renewed" | "wiki" | "weak" | "client" | "docs"): {
  readonly certificate: string;
  readonly privateKey: string;
} {
  return { certificate: pem(name), privateKey: pem(`${name}.key`) };
}

/** Who signed the client's certificate. */
export function authority(): string {
  return pem("authority");
}

function pem(name: string): string {
  return readFileSync(join(import.meta.dirname, "../fixtures/certificates", `${name}.pem`), "utf8");
}
