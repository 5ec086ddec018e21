/** True when the pattern (`*`, `?`, `[..]`, `**`) is the path or a directory above it. */
export function matchesGlob(pattern: string, path: string): boolean {
  return globRegExp(pattern).test(path);
}

function globRegExp(pattern: string): RegExp {
  const parts = pattern
    .replace(/\/+$/, "")
    .split(/\/+/)
    .map((part) => (part === "**" ? "**" : partRegExp(part)));
  const body = parts.join("/").replaceAll("/**", "(?:/.+)?");
  return new RegExp(`^${body}(?:/.*)?$`, "s");
}

function partRegExp(part: string): string {
  return (part.match(/\[[^\]]+\]|./gs) ?? [])
    .map((piece) => {
      if (piece === "*") return "[^/]*";
      if (piece === "?") return "[^/]";
      if (piece.length > 1) return piece.replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
      return piece.replace(/[\\^$.*+?()[\]{}|]/, "\\$&");
    })
    .join("");
}
