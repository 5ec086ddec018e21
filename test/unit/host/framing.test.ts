import fc from "fast-check";
import { expect, test } from "vitest";
import { createFrameReader, type Frame, renderFrame } from "../../../provider/host/framing.ts";

const nonce = "0123456789abcdef0123456789abcdef";
const tags = fc.constantFrom(["done"], ["answer", "3"], ["failed", "2", "1", "disk-full"], ["locked-in"]);
const noise = fc.oneof(
  fc.constantFrom(
    "",
    "Welcome to Debian\n",
    "bash: warning: setlocale\n",
    "0123456789abcdef ",
    `${nonce.slice(1)} done 0\n\n`,
  ),
  fc.string(),
);
const sent = fc.array(fc.record({ noise, tag: tags, bytes: fc.uint8Array({ maxLength: 300 }) }));

function readInPieces(stream: Buffer, cuts: readonly number[]): readonly Frame[] {
  const read = createFrameReader(nonce);
  const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return at.slice(1).flatMap((end, index) => read(stream.subarray(at[index], end)));
}

test("frames arrive whole whatever noise is before them and however the stream is split", () => {
  fc.assert(
    fc.property(sent, fc.array(fc.nat(5_000), { maxLength: 20 }), (items, cuts) => {
      const stream = Buffer.concat(
        items.flatMap((item) => [Buffer.from(item.noise), renderFrame(nonce, item.tag, Buffer.from(item.bytes))]),
      );
      const frames = readInPieces(stream, cuts).map((frame) => ({ tag: [...frame.tag], bytes: [...frame.bytes] }));
      expect(frames).toEqual(items.map((item) => ({ tag: item.tag, bytes: [...item.bytes] })));
    }),
    { numRuns: 1000 },
  );
});

test("a frame may hold what looks like a frame", () => {
  const inner = renderFrame(nonce, ["done"], Buffer.alloc(0));
  const read = createFrameReader(nonce);
  expect(read(renderFrame(nonce, ["answer", "0"], inner))).toEqual([{ tag: ["answer", "0"], bytes: inner }]);
});

test("a frame of another nonce is noise", () => {
  const read = createFrameReader(nonce);
  const other = renderFrame(nonce.replace("0", "f"), ["done"], Buffer.alloc(0));
  expect(read(other)).toEqual([]);
  expect(read(renderFrame(nonce, ["done"], Buffer.alloc(0)))).toEqual([{ tag: ["done"], bytes: Buffer.alloc(0) }]);
});

test("a frame is not read before its last byte", () => {
  const whole = renderFrame(nonce, ["done"], Buffer.from("abc"));
  for (let length = 0; length < whole.length; length++) {
    expect(createFrameReader(nonce)(whole.subarray(0, length))).toEqual([]);
  }
  expect(createFrameReader(nonce)(whole)).toHaveLength(1);
});

test("a 10 MB frame in 1 KB pieces is read in linear time", () => {
  const whole = renderFrame(nonce, ["answer", "0"], Buffer.alloc(10_000_000, 97));
  const read = createFrameReader(nonce);
  const begin = performance.now();
  let frames = 0;
  for (let at = 0; at < whole.length; at += 1000) frames += read(whole.subarray(at, at + 1000)).length;
  expect(frames).toBe(1);
  expect(performance.now() - begin).toBeLessThan(1_000);
});
