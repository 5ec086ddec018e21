/** Median of some numbers: the mean of the middle two when their count is even; NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Ratios of two series pair by pair: what ran at the same time had the same noise. */
export function pairRatios(measured: readonly number[], reference: readonly number[]): number[] {
  if (measured.length !== reference.length)
    throw new Error(`${measured.length} and ${reference.length} figures make no pairs`);
  return measured.map((value, index) => value / (reference[index] ?? Number.NaN));
}

/** `0.91 (0.88 to 0.95)`: the median with the whole spread, as a few runs allow no more. */
export function withSpread(values: readonly number[], digits = 2): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** Milliseconds as `3.42 s`. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Bytes as a reader compares them: `812 B`, `31 KB`, `5.2 MB` (1 KB = 1,000 B, as in package sizes). */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  return count < 1_000_000 ? `${(count / 1_000).toFixed(1)} KB` : `${(count / 1_000_000).toFixed(1)} MB`;
}

/** A whole number with thousands apart: `3,953`. */
export function whole(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
