/** One successful system call of a strace log (`-f -y -ttt -e status=successful`). */
export interface Call {
  readonly pid: number;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly name: string;
  /** As strace prints them: `3</etc/passwd>`, `"/etc/hosts"`, `O_RDONLY|O_CLOEXEC`. */
  readonly args: readonly string[];
  readonly result: string;
}

/** Parses a log; calls that another thread's line has cut in two are joined, failed ones and signals are left out. */
export function parseStrace(text: string): readonly Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<number, string>();
  for (const line of text.split("\n")) {
    const head = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line);
    if (head === null) continue;
    const pid = Number(head[1]);
    let body = head[3]!;
    if (body.endsWith("<unfinished ...>")) {
      unfinished.set(pid, body.slice(0, -"<unfinished ...>".length).trimEnd());
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(body);
    if (resumed !== null) {
      const begun = unfinished.get(pid);
      if (begun === undefined) continue;
      unfinished.delete(pid);
      body = begun + body.slice(resumed[0].length);
    }
    const call = parseCall(body);
    if (call !== undefined) calls.push({ pid, time: Number(head[2]), ...call });
  }
  return calls;
}

/** The bytes of a quoted argument as text, or undefined when it is none. */
export function unquote(argument: string | undefined): string | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(argument ?? "");
  if (quoted === null) return undefined;
  const text = quoted[1]!;
  if (!text.includes("\\")) return text;
  const bytes: Buffer[] = [];
  for (const part of text.match(/\\[0-7]{1,3}|\\.|[^\\]+/gs) ?? []) {
    if (!part.startsWith("\\")) bytes.push(Buffer.from(part));
    else if (/^\\[0-7]/.test(part)) bytes.push(Buffer.from([Number.parseInt(part.slice(1), 8) & 255]));
    else bytes.push(Buffer.from(letters[part[1]!] ?? part[1]!));
  }
  return Buffer.concat(bytes).toString("utf8");
}

/** The strings of a printed array: `["apache2", "-k"]`. */
export function unquoteArray(argument: string | undefined): readonly string[] {
  if (argument === undefined || !argument.startsWith("[")) return [];
  return splitArguments(argument.slice(1))[0].flatMap((item) => unquote(item) ?? []);
}

/** What `-y` tells of a descriptor: `3</etc/passwd>` is `/etc/passwd`; undefined for sockets, pipes and deleted files. */
export function descriptorPath(text: string | undefined): string | undefined {
  const path = /^(?:-?\d+|AT_FDCWD)<(\/.*)>$/s.exec(text ?? "")?.[1];
  if (path === undefined || path.endsWith(" (deleted)")) return undefined;
  return path.includes("\\") ? unquote(`"${path}"`) : path;
}

const letters: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v" };

function parseCall(body: string): Pick<Call, "name" | "args" | "result"> | undefined {
  const name = /^(\w+)\(/.exec(body)?.[1];
  if (name === undefined) return undefined;
  const [args, rest] = splitArguments(body.slice(name.length + 1));
  const result = /^\s*= (.*)$/s.exec(rest)?.[1];
  if (result === undefined || result.startsWith("-1 ") || result.startsWith("?")) return undefined;
  return { name, args, result };
}

/** Splits at the commas of the outermost level, up to the bracket that closes it; the rest comes second. */
function splitArguments(text: string): readonly [readonly string[], string] {
  const args: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      at++;
      while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    } else if (char === "<" && /[\dD]/.test(text[at - 1] ?? "")) {
      // A descriptor's path may hold brackets and commas.
      const end = text.indexOf(">", at);
      if (end > 0) at = end;
    } else if (char === "(" || char === "[" || char === "{") depth++;
    else if (char === ")" || char === "]" || char === "}") {
      if (depth === 0) {
        const last = text.slice(start, at).trim();
        if (last !== "" || args.length > 0) args.push(last);
        return [args, text.slice(at + 1)];
      }
      depth--;
    } else if (char === "," && depth === 0) {
      args.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return [args, ""];
}
