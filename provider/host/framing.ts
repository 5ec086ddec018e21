/** One message of a host: what the session's stdout holds besides the noise of login shells. */
export interface Frame {
  /** Such as `answer:3` or `failed:2:1:disk-full`, split at the colons. */
  readonly tag: readonly string[];
  readonly bytes: Buffer;
}

/** Takes stdout in whatever pieces it comes and returns the frames that became complete. */
export type FrameReader = (chunk: Buffer) => readonly Frame[];

/**
 * Reads frames `NONCE TAG LENGTH\n` + bytes + `\n`, each beginning at any place: rc files, MOTD and locale warnings
 * print before and between, and not always whole lines. The nonce is random, so that no noise can look like a frame.
 */
export function createFrameReader(nonce: string): FrameReader {
  const mark = Buffer.from(`${nonce} `);
  let pieces: Buffer[] = [];
  let size = 0;
  /** Bytes to have before another look is worth it: a 10 MB frame must not be joined at each of its pieces. */
  let wanted = 0;

  return (chunk) => {
    pieces.push(chunk);
    size += chunk.length;
    if (size < wanted) return [];
    let rest = pieces.length === 1 ? chunk : Buffer.concat(pieces, size);
    const frames: Frame[] = [];
    for (;;) {
      const next = readFrame(rest, mark);
      rest = rest.subarray(next.used);
      if (next.frame === undefined) {
        wanted = next.wanted;
        break;
      }
      frames.push(next.frame);
    }
    pieces = rest.length > 0 ? [rest] : [];
    size = rest.length;
    return frames;
  };
}

/** The bytes of a frame as a host sends them; for tests and the fake host. */
export function renderFrame(nonce: string, tag: readonly string[], bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${nonce} ${tag.join(":")} ${bytes.length}\n`), bytes, Buffer.from("\n")]);
}

interface Look {
  readonly frame?: Frame;
  /** Bytes that are done with. */
  readonly used: number;
  readonly wanted: number;
}

const longestHeader = 200;

function readFrame(rest: Buffer, mark: Buffer): Look {
  const start = rest.indexOf(mark);
  if (start < 0) return { used: Math.max(0, rest.length - mark.length), wanted: 0 };
  const lineEnd = rest.indexOf(10, start);
  if (lineEnd < 0) {
    // Something that begins like a frame and is none must not be kept for ever.
    return rest.length - start > longestHeader ? { ...readAgain(rest, mark, start) } : { used: start, wanted: 0 };
  }
  const header = /^([a-z-]+(?::[a-z0-9-]+)*) ([0-9]{1,12})$/.exec(
    rest.toString("latin1", start + mark.length, lineEnd),
  );
  if (header === null) return readAgain(rest, mark, start);
  const begin = lineEnd + 1;
  const end = begin + Number(header[2]);
  if (rest.length < end + 1) return { used: start, wanted: end + 1 - start };
  return {
    frame: { tag: header[1]!.split(":"), bytes: Buffer.from(rest.subarray(begin, end)) },
    used: end + 1,
    wanted: 0,
  };
}

function readAgain(rest: Buffer, mark: Buffer, start: number): Look {
  const skipped = start + mark.length;
  const next = readFrame(rest.subarray(skipped), mark);
  return { ...next, used: next.used + skipped };
}
