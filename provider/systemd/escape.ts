/**
 * Text into unit files. Everything from a user goes through here: a newline would start a directive, `%` is a specifier,
 * `$` expands in Exec lines, a backslash escapes (systemd.syntax(7), systemd.service(5)).
 */

/** One argument of an Exec line, always quoted. The first one has to be an absolute path: it takes no prefix then. */
export function execArgument(text: string): string {
  return `"${quoted(text).replaceAll("$", "$$$$")}"`;
}

/** A whole Exec line. Of variables, only the place of credentials is one: systemd draws it at each start. */
export function execLine(argv: readonly string[], argv0?: string): string {
  const [program = ""] = argv;
  if (!program.startsWith("/")) throw new Error(`${JSON.stringify(program)} is not an absolute path`);
  // A program in quotes is fine for systemd, but plain paths read better.
  const head = /^[A-Za-z0-9_./+-]+$/.test(program) ? program : execArgument(program);
  const name = argv0 === undefined ? [] : [execArgument(argv0)];
  return [`${argv0 === undefined ? "" : "@"}${head}`, ...name, ...argv.slice(1).map(withCredentials)].join(" ");
}

function withCredentials(argument: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own syntax
  return execArgument(argument).replaceAll("$${CREDENTIALS_DIRECTORY}", () => "${CREDENTIALS_DIRECTORY}");
}

/** `NAME=value` for Environment=, where `$` means nothing. */
export function environmentAssignment(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a variable`);
  return `"${name}=${quoted(value)}"`;
}

/** A value of a directive that takes one plain word or line, such as a description. */
export function plainValue(text: string): string {
  refuseControl(text);
  if (text.includes("\\")) throw new Error(`a backslash in ${JSON.stringify(text)}`);
  return text.replaceAll("%", "%%");
}

/** A path of a directive that splits at colons and blanks: only what needs no quoting is let through. */
export function plainPath(path: string): string {
  if (!isPlainPath(path)) throw new Error(`${JSON.stringify(path)} can't be written into a unit file`);
  return path.replaceAll("%", "%%");
}

/** Paths that mean themselves in a unit file. */
export function isPlainPath(path: string): boolean {
  const parts = path.slice(1).split("/");
  return /^\/[A-Za-z0-9_.,/@+=%~-]*$/.test(path) && (path === "/" || !parts.some((part) => /^(\.{0,2})$/.test(part)));
}

function quoted(text: string): string {
  refuseControl(text);
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
}

function refuseControl(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) throw new Error(`a control character in ${JSON.stringify(text)}`);
}
