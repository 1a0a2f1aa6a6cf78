/** JPEG-LS in its three orders of samples: all give the pixels that were encoded. */
import assert from "node:assert/strict";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { ENCODE, encoded, evenly, initEncoders, type Pixels } from "./compressed.js";
import { Encapsulated, SMALL_IMAGE, writeFile } from "./written.js";

const ROWS = 9;
const COLUMNS = 14;
const PIXELS = ROWS * COLUMNS;

function pixels(samples: 1 | 3, cells: Uint8Array): Pixels {
  return { rows: ROWS, columns: COLUMNS, bits: 8, samples, cells };
}

const colour = Uint8Array.from({ length: PIXELS * 3 }, (_, index) => (index * 29 + (index >> 4) * 7) & 0xff);

function decoded(codestream: Uint8Array): number[] {
  const dataset = {
    ...SMALL_IMAGE,
    Rows: ROWS,
    Columns: COLUMNS,
    SamplesPerPixel: 3,
    PhotometricInterpretation: "RGB",
    PlanarConfiguration: 0,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelData: new Encapsulated([codestream]),
  };
  return [...openDicom(writeFile(dataset, { transferSyntax: "1.2.840.10008.1.2.4.80" })).storedFrame(1).values];
}

/** A scan a component (ISO 14495-1 C.2.3, ILV 0), put together from three streams of one component each. */
function scanByScan(): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, 0xd8, 0xff, 0xf7, 0, 17, 8, 0, ROWS, 0, COLUMNS, 3)];
  for (const id of [1, 2, 3]) parts.push(Uint8Array.of(id, 0x11, 0));
  for (const id of [1, 2, 3]) {
    const plane = colour.filter((_, index) => index % 3 === id - 1);
    const stream = Buffer.from(encoded(pixels(1, plane), ENCODE.jpegLs));
    const scan = stream.indexOf(Buffer.of(0xff, 0xda));
    const end = stream.lastIndexOf(Buffer.of(0xff, 0xd9));
    const copy = Uint8Array.from(stream.subarray(scan, end));
    copy[5] = id;
    parts.push(copy);
  }
  return evenly(Buffer.concat([...parts, Uint8Array.of(0xff, 0xd9)]));
}

describe("JPEG-LS of colour", () => {
  before(async () => {
    await initCodecs();
    await initEncoders();
  });

  it("with the samples of a pixel together is what was encoded", () => {
    assert.deepEqual(decoded(encoded(pixels(3, colour), ENCODE.jpegLs)), [...colour]);
  });

  it("with a scan for each component is what was encoded", () => {
    assert.deepEqual(decoded(scanByScan()), [...colour]);
  });
});
