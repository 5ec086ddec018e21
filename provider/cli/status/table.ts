/** A cell: its text and how it is meant. */
export interface Cell {
  readonly text: string;
  readonly mood?: Mood;
  readonly right?: boolean;
}

export type Mood = "good" | "bad" | "odd" | "dim";

/** How a table is drawn. */
export interface Drawing {
  /** Columns of characters; longer rows are cut in their widest cells. */
  readonly width: number;
  readonly colour: boolean;
}

const GAP = "  ";
/** No cell is cut below this. */
const LEAST = 8;

/** Lines of aligned columns; the first row is the head. Pure. */
export function renderTable(rows: readonly (readonly Cell[])[], { width, colour }: Drawing): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const texts = rows.map((row) => Array.from({ length: columns }, (_, column) => plain(row[column]?.text ?? "")));
  const widths = fitted(
    Array.from({ length: columns }, (_, column) => Math.max(...texts.map((row) => lengthOf(row[column] ?? "")))),
    width - GAP.length * (columns - 1),
  );
  return rows.map((row, index) =>
    (texts[index] ?? [])
      .map((text, column) => {
        const cut = shortened(text, widths[column] ?? 0);
        const blank = " ".repeat(Math.max(0, (widths[column] ?? 0) - lengthOf(cut)));
        const cell = row[column];
        const padded = cell?.right
          ? `${blank}${painted(cut, cell.mood, colour)}`
          : `${painted(cut, cell?.mood, colour)}${blank}`;
        return padded;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** Text of others for a terminal: nothing that moves its cursor or changes its colour, nor turns the direction of writing. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, "\u{fffd}");
}

/** At most `width` characters. */
export function shortened(text: string, width: number): string {
  const letters = [...text];
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** In colour where wished (SGR, ECMA-48). */
export function painted(text: string, mood: Mood | undefined, colour: boolean): string {
  return colour && mood !== undefined && text !== "" ? `\u001b[${CODES[mood]}m${text}\u001b[0m` : text;
}

const CODES = { good: 32, bad: 31, odd: 33, dim: 2 } as const;

function lengthOf(text: string): number {
  return [...text].length;
}

/** The widest gives first. */
function fitted(widths: readonly number[], room: number): readonly number[] {
  const fit = [...widths];
  for (let sum = total(fit); sum > room; sum--) {
    const widest = fit.indexOf(Math.max(...fit));
    if ((fit[widest] ?? 0) <= LEAST) break;
    fit[widest] = (fit[widest] ?? 0) - 1;
  }
  return fit;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0);
}
