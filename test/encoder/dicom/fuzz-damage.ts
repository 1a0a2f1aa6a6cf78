/**
 * Damage that knows what DICOM is made of, beside the blind one of `mutations.ts`: numbers of the image description,
 * transfer syntaxes, pixel data of another file, offset tables, nests of sequences, codestream markers. The same seed
 * gives the same bytes.
 */
import type { CorpusFile } from "./fuzz-corpus.js";
import { mutate, randomFrom } from "./mutations.js";

/** What a seed makes of a corpus: which file, and its damaged bytes. */
export function damaged(corpus: readonly CorpusFile[], seed: number): CorpusFile {
  const random = randomFrom(seed ^ 0x5eed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const original = corpus[below(corpus.length)];
  const donor = corpus[below(corpus.length)];
  if (original === undefined || donor === undefined) throw new Error("there is nothing to damage");
  let { bytes } = original;
  const kinds = below(4);
  // Most files get one or two deliberate blows; a fifth of those, and all others, blind ones as well.
  for (let blow = 0; blow < kinds; blow++) bytes = strike(bytes, donor.bytes, below);
  if (kinds === 0 || random() < 0.2) bytes = mutate(bytes, donor.bytes, seed);
  return { name: original.name, bytes };
}

type Below = (limit: number) => number;

const PIXEL_DATA = [0xe0, 0x7f, 0x10, 0x00];
/** (0028,eeee) of the image description that hold 16-bit numbers. */
const NUMBERS = [0x02, 0x06, 0x10, 0x11, 0x34, 0x100, 0x101, 0x102, 0x103, 0x106, 0x120, 0x121];
const NUMBER_VALUES = [0, 1, 2, 3, 7, 8, 12, 16, 19, 32, 64, 255, 4096, 32767, 32768, 65535];
const FRAME_COUNTS = ["0 ", "2 ", "99", "-1", "1e", "  ", "9\\"];
const SYNTAXES = ["", ".1", ".1.99", ".2", ".5", ".8.1", ".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90"]
  .concat([".4.91", ".4.201", ".4.202", ".4.203", ".4.100"])
  .map((end) => `1.2.840.10008.1.2${end}`);

function strike(bytes: Uint8Array, donor: Uint8Array, below: Below): Uint8Array {
  const pixels = findLast(bytes, PIXEL_DATA);
  switch (below(9)) {
    case 0:
      return withNumber(bytes, below);
    case 1:
      return withFrameCount(bytes, below);
    case 2:
      return withSyntax(bytes, SYNTAXES[below(SYNTAXES.length)] ?? "");
    case 3: {
      // The pixel data of another file, whatever it is compressed with.
      const theirs = findLast(donor, PIXEL_DATA);
      return pixels < 0 || theirs < 0 ? bytes : Buffer.concat([bytes.subarray(0, pixels), donor.subarray(theirs)]);
    }
    case 4:
      return pixels < 0 ? bytes : withOffsetTable(bytes, pixels, below);
    case 5:
      return pixels < 0 ? bytes : withNest(bytes, pixels, below);
    case 6:
      return pixels < 0 ? bytes : insidePixels(bytes, pixels, below);
    case 7:
      return pixels < 0 ? bytes : withCodestreamNumber(bytes, pixels, below);
    default:
      // Cut anywhere, the pixels included; seldom, since little is left to find in such a file.
      return below(3) === 0
        ? bytes.subarray(0, below(bytes.length) + 1)
        : insidePixels(bytes, Math.max(0, pixels), below);
  }
}

function withNumber(bytes: Uint8Array, below: Below): Uint8Array {
  const element = NUMBERS[below(NUMBERS.length)] ?? 0;
  const value = NUMBER_VALUES[below(NUMBER_VALUES.length)] ?? 0;
  const at = find(bytes, [0x28, 0x00, element & 0xff, element >> 8]);
  if (at < 0 || at + 10 > bytes.length) return bytes;
  const changed = Uint8Array.from(bytes);
  changed[at + 8] = value & 0xff;
  changed[at + 9] = value >> 8;
  return changed;
}

function withFrameCount(bytes: Uint8Array, below: Below): Uint8Array {
  const text = Buffer.from(FRAME_COUNTS[below(FRAME_COUNTS.length)] ?? "", "latin1");
  const at = find(bytes, [0x28, 0x00, 0x08, 0x00]);
  if (at >= 0 && at + 10 <= bytes.length) {
    const changed = Uint8Array.from(bytes);
    changed.set(text, at + 8);
    return changed;
  }
  // A file of one frame that states more.
  const rows = find(bytes, [0x28, 0x00, 0x10, 0x00]);
  const header = Buffer.from([0x28, 0x00, 0x08, 0x00, 0x49, 0x53, 0x02, 0x00]);
  return rows < 0 ? bytes : Buffer.concat([bytes.subarray(0, rows), header, text, bytes.subarray(rows)]);
}

function withSyntax(bytes: Uint8Array, syntax: string): Uint8Array {
  const at = find(bytes, [0x02, 0x00, 0x10, 0x00, 0x55, 0x49]);
  if (at < 0 || at + 8 > bytes.length) return bytes;
  const length = (bytes[at + 6] ?? 0) | ((bytes[at + 7] ?? 0) << 8);
  const value = Buffer.from(syntax.length % 2 === 0 ? syntax : `${syntax}\0`, "latin1");
  const header = Uint8Array.from(bytes.subarray(at, at + 8));
  header[6] = value.length;
  return Buffer.concat([bytes.subarray(0, at), header, value, bytes.subarray(at + 8 + length)]);
}

/** The first item of the pixel data: another length, or offsets that lead anywhere. */
function withOffsetTable(bytes: Uint8Array, pixels: number, below: Below): Uint8Array {
  const item = pixels + 12;
  if (item + 8 > bytes.length) return bytes;
  const offsets = new Uint32Array(
    Array.from({ length: below(6) }, () => [0, 8, below(4096), 0xffffffff][below(4)] ?? 0),
  );
  const table = new Uint8Array(offsets.buffer);
  const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, table.length + (below(4) === 0 ? 4 : 0), 0, 0, 0]);
  return Buffer.concat([bytes.subarray(0, item), header, table, bytes.subarray(item + (below(2) === 0 ? 8 : 0))]);
}

/** Sequences within sequences in front of the pixels, with and without their ends. */
function withNest(bytes: Uint8Array, pixels: number, below: Below): Uint8Array {
  const depth = [1, 5, 31, 33, 2_000][below(5)] ?? 1;
  const open = [
    0x09, 0x00, 0x10, 0x10, 0x53, 0x51, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff,
  ];
  const close = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];
  const opened = Buffer.from(Array.from({ length: depth }, () => open).flat());
  const closed = Buffer.from(Array.from({ length: below(3) === 0 ? depth - 1 : depth }, () => close).flat());
  return Buffer.concat([bytes.subarray(0, pixels), opened, closed, bytes.subarray(pixels)]);
}

/** A codestream keeps its headers and is damaged within: what a codec has to notice by itself. */
function insidePixels(bytes: Uint8Array, pixels: number, below: Below): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let flips = 1 + below(6); flips > 0; flips--) changed[pixels + 12 + below(bytes.length - pixels)] = below(256);
  return changed;
}

/** A number of a codestream's own header: sizes, tiles, components, precision, coding parameters. */
function withCodestreamNumber(bytes: Uint8Array, pixels: number, below: Below): Uint8Array {
  const start = find(bytes, [0xff, below(2) === 0 ? 0xd8 : 0x4f], pixels);
  if (start < 0) return bytes;
  const changed = Uint8Array.from(bytes);
  const at = start + 2 + below(90);
  for (let count = 1 + below(4); count > 0; count--) changed[at + count] = [0, 1, 2, 0x7f, 0x80, 0xff][below(6)] ?? 0;
  return changed;
}

function find(bytes: Uint8Array, pattern: readonly number[], from = 0): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(Buffer.from(pattern), from);
}

function findLast(bytes: Uint8Array, pattern: readonly number[]): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).lastIndexOf(Buffer.from(pattern));
}
