import type { Question } from "../question.ts";

/** Asks for a text file's content; undefined is only "not there". A link is followed. */
export function read(path: string): Question<string | undefined> {
  return { ask: "read", args: [path], parse: parseRead };
}

function parseRead(text: string): string | undefined {
  if (text === "absent\n") return undefined;
  if (!text.startsWith("present\n")) throw new Error("neither present nor absent");
  return text.slice("present\n".length);
}
