/**
 * The words of an Exec line as systemd.service(5) has them: quotes keep blanks, a backslash escapes, `$$` is a dollar. A
 * variable's words are not known here: it is left out.
 */
export function execWords(line: string): readonly string[] {
  const words = line.replace(/^[-@:+!|]+/, "").match(/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|[^\s"'\\])+/gs) ?? [];
  return words.filter((word) => !/^\$(\w+|\{\w+\})$/.test(word)).map(unquoted);
}

function unquoted(word: string): string {
  return word
    .replace(
      /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/gs,
      (_, double?: string, single?: string) => double ?? single ?? "",
    )
    .replace(/\\(x[0-9a-f]{2}|.)/gis, (_, code: string) => escapes[code] ?? (code.length === 3 ? byte(code) : code))
    .replaceAll("$$", "$");
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", s: " ", r: "\r" };

function byte(code: string): string {
  return String.fromCharCode(Number.parseInt(code.slice(1), 16));
}
