/** A directive; undefined is left out, a list is a line each, an empty string resets (`CapabilityBoundingSet=`). */
export type Directive = readonly [name: string, value: string | readonly string[] | undefined];

/** A section of a unit file, in order. */
export interface Section {
  readonly name: string;
  readonly directives: readonly Directive[];
}

/** A unit file's text, with our mark as its first line. Values are escaped by whoever made them (escape.ts). */
export function renderUnit(mark: string, sections: readonly Section[]): string {
  return [`# ${mark}`, ...sections.map(renderSection)].join("\n") + "\n";
}

function renderSection({ name, directives }: Section): string {
  return [`[${name}]`, ...directives.flatMap(renderDirective)].join("\n");
}

function renderDirective([name, value]: Directive): readonly string[] {
  if (value === undefined) return [];
  const values = typeof value === "string" ? [value] : value;
  return values.map((one) => {
    if (/[\n\0]/.test(one) || one.endsWith("\\")) throw new Error(`${name}= can't hold ${JSON.stringify(one)}`);
    return `${name}=${one}`;
  });
}
