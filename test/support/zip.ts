import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { crc32 } from "node:zlib";

/** A directory as a ZIP archive, such as a WAR; nothing is compressed (PKWARE's APPNOTE, 4.3). */
export function zipDirectory(directory: string): Buffer {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const name of names) {
    const bytes = readFileSync(join(directory, name));
    const common = commonFields(Buffer.byteLength(name), bytes);
    const local = Buffer.concat([word(0x04034b50), common, Buffer.from(name), bytes]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([word(0x02014b50), half(20), common, place, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const count = half(names.length);
  const end = [word(0x06054b50), half(0), half(0), count, count, word(central.length), word(offset), half(0)];
  return Buffer.concat([...locals, central, ...end]);
}

/** From "version needed" to "extra field length": equal in both kinds of header. */
function commonFields(nameLength: number, bytes: Buffer): Buffer {
  const date = half((2024 - 1980) * 512 + 32 + 1);
  const sizes = [word(crc32(bytes)), word(bytes.length), word(bytes.length)];
  return Buffer.concat([half(20), half(0), half(0), half(0), date, ...sizes, half(nameLength), half(0)]);
}

function half(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
