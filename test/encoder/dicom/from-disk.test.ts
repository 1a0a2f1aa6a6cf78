/** Files of which only the beginning is in memory: a frame costs the reading of its own bytes, and is what reading the whole gives. */
import assert from "node:assert/strict";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { ENCODE, encoded, evenly, initEncoders, type Pixels, runLengthEncoded } from "./compressed.js";
import { refusedWith } from "./refusal.js";
import { Encapsulated, SMALL_IMAGE, type WrittenDataset, words, writeFile } from "./written.js";

const SIDE = 64;
const FRAMES = 6;
const RLE = { transferSyntax: "1.2.840.10008.1.2.5" };
const JPEG_LS = { transferSyntax: "1.2.840.10008.1.2.4.80" };

const frames: readonly Pixels[] = Array.from({ length: FRAMES }, (_, frame) => ({
  ...{ rows: SIDE, columns: SIDE, bits: 16, samples: 1 },
  cells: words(Array.from({ length: SIDE * SIDE }, (_cell, index) => (index * (frame + 3)) % 4096)),
}));

function stack(pixelData: Uint8Array | Encapsulated, more: WrittenDataset = {}): WrittenDataset {
  const size = { Rows: SIDE, Columns: SIDE, NumberOfFrames: String(FRAMES), BitsStored: 12, HighBit: 11 };
  return { ...SMALL_IMAGE, ...size, ...more, PixelData: pixelData };
}

/** Where each fragment begins, as offset tables say it. */
function offsets(fragments: readonly Uint8Array[]): number[] {
  let offset = 0;
  return fragments.map(({ length }) => {
    const begin = offset;
    offset += 8 + length;
    return begin;
  });
}

/** Opens the file by its first bytes, and counts what is read of the rest. */
function openBeginning(file: Uint8Array, beginning: number, size = file.length) {
  const reads: number[] = [];
  const read = (offset: number, length: number): Uint8Array => {
    assert.ok(offset + length <= size, "nothing past the file's end is asked for");
    reads.push(length);
    return file.slice(offset, offset + length);
  };
  return { instance: openDicom(file.subarray(0, beginning), { rest: { size, read } }), reads };
}

const indexOfPixels = (file: Uint8Array): number => Buffer.from(file).indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00]));

describe("a file of which only the beginning is in memory", () => {
  const rle = frames.map((frame) => evenly(runLengthEncoded(frame)));
  let jpegLs: Uint8Array[];
  before(async () => {
    await initCodecs();
    await initEncoders();
    jpegLs = frames.map((frame) => encoded(frame, ENCODE.jpegLs));
  });

  function files(): Record<string, Uint8Array> {
    const halves = jpegLs.flatMap((bytes) => [bytes.subarray(0, 300), bytes.subarray(300)]);
    const everySecond = offsets(halves).filter((_, index) => index % 2 === 0);
    const extended = { ExtendedOffsetTable: offsets(rle), ExtendedOffsetTableLengths: rle.map(({ length }) => length) };
    return {
      uncompressed: writeFile(stack(Buffer.concat(frames.map(({ cells }) => cells)))),
      "RLE, basic table": writeFile(stack(new Encapsulated(rle, offsets(rle))), RLE),
      "RLE, extended table": writeFile(stack(new Encapsulated(rle), extended), RLE),
      "RLE, no table": writeFile(stack(new Encapsulated(rle)), RLE),
      "JPEG-LS in pieces, basic table": writeFile(stack(new Encapsulated(halves, everySecond)), JPEG_LS),
      "JPEG-LS in pieces, no table": writeFile(stack(new Encapsulated(halves)), JPEG_LS),
    };
  }

  it("gives the same frames, in any order, and reads no more than a frame for each", () => {
    for (const [name, file] of Object.entries(files())) {
      const whole = openDicom(file);
      const largest = Math.max(SIDE * SIDE * 2, ...rle.map(({ length }) => length));
      // In the first fragment; in the middle of the pixel data; up to its last byte.
      for (const beginning of [indexOfPixels(file) + 30, file.length >> 1, file.length - 1]) {
        const { instance, reads } = openBeginning(file, beginning);
        assert.ok(Math.max(0, ...reads) <= 4096, `${name}: opening reads pages, not frames`);
        for (const frame of [4, 1, 6, 3, 3]) {
          reads.length = 0;
          assert.equal(instance.pixelSha256(frame), whole.pixelSha256(frame), `${name}, frame ${frame}`);
          const total = reads.reduce((sum, length) => sum + length, 0);
          assert.ok(total <= largest, `${name}: ${total} bytes read for a frame`);
        }
      }
    }
  });

  it("is refused where it is cut off inside its compressed pixel data, or has other fragments than frames", () => {
    const file = writeFile(stack(new Encapsulated(rle)), RLE);
    const start = indexOfPixels(file) + 30;
    refusedWith("DICOM_TRUNCATED", () => openBeginning(file, start, file.length - 20));
    const fewer = writeFile(stack(new Encapsulated(rle.slice(1))), RLE);
    refusedWith("PIXEL_DATA_MISMATCH", () => openBeginning(fewer, start));
  });

  it("may have as many fragments as data elements, and not more, wherever they lie", () => {
    const file = writeFile(stack(new Encapsulated([...rle, ...Array(200).fill(new Uint8Array(0))])), RLE);
    const limits = { elements: 100 };
    refusedWith("TOO_MANY_ELEMENTS", () => openDicom(file, { limits }));
    const rest = { size: file.length, read: (offset: number, length: number) => file.slice(offset, offset + length) };
    refusedWith("TOO_MANY_ELEMENTS", () => openDicom(file.subarray(0, indexOfPixels(file) + 30), { limits, rest }));
    assert.equal(openDicom(file, { limits: { elements: 400 } }).frames, FRAMES);
  });
});
