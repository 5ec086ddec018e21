import { gunzipSync } from "node:zlib";

/** Unpacks what step-inspect.sh prints: base64 of gzip of `NAME LENGTH\n` + bytes + newline, in any number. */
export function unpackSections(output: string): ReadonlyMap<string, string> {
  const bytes = gunzipSync(Buffer.from(output.trim(), "base64"));
  const sections = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const [, name, length] = /^(\S+) (\d+)$/.exec(bytes.toString("utf8", at, Math.max(at, end))) ?? [];
    if (name === undefined) throw new Error("the host's inventory is cut short");
    const begin = end + 1;
    sections.set(name, bytes.toString("utf8", begin, begin + Number(length)));
    at = begin + Number(length) + 1;
  }
  return sections;
}
