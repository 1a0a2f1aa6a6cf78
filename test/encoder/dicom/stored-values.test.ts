/** Stored values against the definition of PS3.5 8.1.1, however the cells lie in memory, and planes of RLE against what was packed. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ImageDescription } from "../../../encoder/dicom/image-description.js";
import { openDicom } from "../../../encoder/dicom/index.js";
import { type Cells, storedValues, wholeCells } from "../../../encoder/dicom/native-pixels.js";
import { decodeRunLength } from "../../../encoder/dicom/run-length.js";
import { UNPACK_PLANE } from "../../../encoder/dicom/unpack-plane.generated.js";
import { evenly, runLengthEncoded } from "./compressed.js";
import { refusedWith } from "./refusal.js";
import { SMALL_IMAGE, words, writeFile } from "./written.js";

function image(description: Partial<ImageDescription>): ImageDescription {
  return {
    ...{ rows: 1, columns: 1, frames: 1, samplesPerPixel: 1, photometricInterpretation: "MONOCHROME2", planar: false },
    ...{ bitsAllocated: 16, bitsStored: 16, highBit: 15, signed: false },
    ...description,
  };
}

/** Repeatable. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

/** Bit by bit. */
function defined(cell: number, { bitsStored, highBit, signed }: ImageDescription): number {
  let value = 0;
  for (let bit = 0; bit < bitsStored; bit++) value += ((cell >>> (highBit - bitsStored + 1 + bit)) & 1) * 2 ** bit;
  return signed && value >= 2 ** (bitsStored - 1) ? value - 2 ** bitsStored : value;
}

describe("stored values", () => {
  it("are the value's own bits, wherever the cells begin in memory and whatever stands above them", () => {
    const next = random(5);
    for (const width of [1, 2, 4] as const) {
      for (let trial = 0; trial < 300; trial++) {
        const bitsStored = 1 + ((next() >>> 8) % (width * 8));
        const highBit = trial % 3 === 0 ? Math.min(width * 8 - 1, bitsStored) : bitsStored - 1;
        const described = image({ bitsAllocated: width * 8, bitsStored, highBit, signed: trial % 2 === 1 });
        const count = trial % 12;
        const bytes = new Uint8Array(64).subarray(trial % 7);
        // One stray bit at most, so that each place is the only one to give it away.
        const cells = Array.from({ length: count }, () => 2 ** (highBit - bitsStored + 1) * ((next() >>> 9) % 2));
        if (count > 0 && trial % 5 !== 0) cells[next() % count] = next() >>> (32 - width * 8);
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        for (const [index, cell] of cells.entries()) {
          if (width === 1) view.setUint8(index, cell);
          else if (width === 2) view.setUint16(index * 2, cell, true);
          else view.setUint32(index * 4, cell, true);
        }
        const before = Buffer.from(bytes);
        const values = storedValues(wholeCells(bytes, count, width, true), described);
        const expected = cells.map((cell) => defined(cell, described));
        assert.deepEqual([...values], expected, `trial ${trial} of ${width} bytes`);
        assert.deepEqual(Buffer.from(bytes), before, "the file's bytes stay as they are");
      }
    }
  });

  it("of a usual file are a view of its bytes, in 16 bits", () => {
    const pixels = words(Array.from({ length: 12 }, (_, index) => index * 300));
    for (const signed of [0, 1]) {
      const file = { ...SMALL_IMAGE, BitsStored: 12, HighBit: 11, PixelRepresentation: signed, PixelData: pixels };
      const bytes = new Uint8Array(writeFile({ ...file, PixelData: words([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) }));
      const { values } = openDicom(bytes).storedFrame(1);
      assert.equal(values.constructor, signed === 1 ? Int16Array : Uint16Array);
      assert.equal(values.buffer, bytes.buffer);
    }
  });
});

describe("RLE planes", () => {
  it("give what was packed, for 8 and 16 bits, one sample and three, and sizes of any parity", () => {
    const next = random(9);
    for (let trial = 0; trial < 120; trial++) {
      const [rows, columns] = [1 + (trial % 13), 1 + (trial % 37)];
      const [bits, samples] = [trial % 2 === 0 ? 16 : 8, trial % 3 === 0 ? 3 : 1] as const;
      // Long and short runs, and noise.
      const stretch = [1, 2, 5, 40, 400][trial % 5] ?? 1;
      let held = 0;
      const cells = Uint8Array.from({ length: (rows * columns * samples * bits) / 8 }, (_, index) => {
        if (index % stretch === 0) held = next() >>> 24;
        return held;
      });
      const described = image({ rows, columns, samplesPerPixel: samples, bitsAllocated: bits });
      const packed = evenly(runLengthEncoded({ rows, columns, bits, samples, cells }));
      const decoded = decodeRunLength(packed, described);
      assert.deepEqual(Buffer.from(bytesOf(decoded)), Buffer.from(cells), `trial ${trial}`);
    }
  });

  it("do not keep what a frame before has left in memory", () => {
    const described = image({ rows: 2, columns: 4, bitsAllocated: 16 });
    const frame = (...planes: number[][]): Uint8Array => {
      const header = Uint32Array.from({ length: 16 }, () => 0);
      header[0] = planes.length;
      planes.reduce((offset, plane, index) => {
        header[index + 1] = offset;
        return offset + plane.length;
      }, 64);
      return Buffer.concat([new Uint8Array(header.buffer), ...planes.map((plane) => Uint8Array.from(plane))]);
    };
    const ones = [256 - 7, 0xff];
    assert.deepEqual([...decodeRunLength(frame(ones, ones), described)], Array(8).fill(0xffff));
    assert.deepEqual([...decodeRunLength(frame([256 - 7, 0], [256 - 7, 0]), described)], Array(8).fill(0));
    // A run of 100 for 8 pixels, and no-operations before it.
    assert.deepEqual([...decodeRunLength(frame([128, 157, 1], [157, 2]), described)], Array(8).fill(0x102));
    const short = refusedWith("PIXEL_DATA_CORRUPT", () => decodeRunLength(frame(ones, [254, 1, 128]), described));
    assert.match(short.message, /segment 2 ends after 3 of 8 pixels/);
    const cut = refusedWith("PIXEL_DATA_CORRUPT", () => decodeRunLength(frame(ones, [7, 1, 2, 3]), described));
    assert.match(cut.message, /segment 2 ends inside a run/);
    refusedWith("PIXEL_DATA_CORRUPT", () => decodeRunLength(frame([256 - 7], ones.slice(0, 1)), described));
  });

  it("are unpacked by the module that its source was last compiled to", () => {
    const source = readFileSync(new URL("../../../../encoder/dicom/unpack-plane.c", import.meta.url));
    const sha256 = createHash("sha256").update(source).digest("hex");
    assert.equal(UNPACK_PLANE.sourceSha256, sha256, "run scripts/compile-webassembly.mjs");
  });
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Cells): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
