/**
 * JPEG-LS of one component by our own decoder: what two encoders wrote comes back, by the standard and as CharLS has it,
 * and what is cut off or damaged is refused, or decoded as CharLS does.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import loadCharls from "@cornerstonejs/codec-charls/decodewasmjs";
import { JPEG_LS_SCAN } from "../../../encoder/dicom/jpeg-ls-scan.generated.js";
import { decodeJpegLsScan } from "../../../encoder/dicom/jpeg-ls-scan.js";
import { DafhError } from "../../../schemas/index.js";
import { ENCODE, encoded, initEncoders, type Pixels } from "./compressed.js";
import { encodeJpegLs, type Picture, type Preset } from "./jpeg-ls-encoder.js";
import { randomFrom } from "./mutations.js";
import { refusedWith } from "./refusal.js";
import { words } from "./written.js";

type Painter = (x: number, y: number, most: number, random: () => number) => number;

const PAINTERS: Readonly<Record<string, Painter>> = {
  smooth: (x, y, most) => Math.round(((Math.sin(x / 9) + Math.cos(y / 7) + 2) / 4) * most),
  noise: (_x, _y, most, random) => Math.floor(random() * (most + 1)),
  flat: (_x, _y, most) => Math.floor(most / 3),
  runs: (x, y, most, random) =>
    (Math.floor(x / 11) + Math.floor(y / 5)) % 3 === 0 ? most : random() < 0.03 ? Math.floor(random() * (most + 1)) : 0,
  ramp: (x, y, most) => (x * 3 + y * 5) % (most + 1),
  extremes: (_x, _y, most, random) => (random() < 0.5 ? 0 : most),
};
const SIZES = [
  [1, 1],
  [1, 23],
  [23, 1],
  [33, 9],
  [70, 12],
] as const;

function painted(
  painter: Painter,
  [columns, rows]: readonly [number, number],
  precision: number,
  most: number,
): Picture {
  const random = randomFrom(columns * 31 + precision);
  const samples = Array.from({ length: rows * columns }, (_, index) =>
    painter(index % columns, Math.floor(index / columns), most, random),
  );
  return { columns, rows, precision, samples };
}

/** The standard's default thresholds are the decoder's own; any others do as well. */
const rising = (near: number, maxval: number): [number, number, number] => {
  const between = (part: number): number => near + 1 + Math.floor((maxval - near - 1) * part);
  return [between(0.02), between(0.07), between(0.2)];
};

const cellsOf = ({ samples, precision }: Picture): Uint8Array =>
  precision <= 8 ? Uint8Array.from(samples) : words([...samples]);

function decoded(codestream: Uint8Array): Uint8Array {
  const cells = decodeJpegLsScan(codestream);
  assert.ok(cells, "left to CharLS");
  return Uint8Array.from(cells);
}

function assertWithin(near: number, cells: Uint8Array, picture: Picture, what: string): void {
  if (near === 0) assert.deepEqual(cells, cellsOf(picture), what);
  const values = picture.precision <= 8 ? cells : new Uint16Array(cells.buffer);
  const worst = picture.samples.reduce(
    (most, sample, index) => Math.max(most, Math.abs(sample - (values[index] ?? 0))),
    0,
  );
  assert.ok(worst <= near, `${what}: off by ${worst}`);
}

describe("JPEG-LS of one component", function () {
  this.timeout(60_000);
  let charls: (codestream: Uint8Array) => Uint8Array;

  before(async () => {
    await initEncoders();
    const { JpegLSDecoder } = await loadCharls();
    charls = (codestream) => {
      const decoder = new JpegLSDecoder();
      decoder.getEncodedBuffer(codestream.length).set(codestream);
      decoder.decode();
      return Uint8Array.from(decoder.getDecodedBuffer());
    };
  });

  for (const near of [0, 1, 2, 3]) {
    it(`of 2 to 16 bits, NEAR ${near}, is what was encoded and what CharLS makes of it`, () => {
      for (let precision = 2; precision <= 16; precision++) {
        const maxval = 2 ** precision - 1;
        if (near > maxval >> 1) continue;
        for (const [name, painter] of Object.entries(PAINTERS)) {
          for (const size of SIZES) {
            const what = `${name}, ${size.join(" × ")}, ${precision} bits`;
            const picture = painted(painter, size, precision, maxval);
            const codestream = encodeJpegLs(picture, { near, thresholds: rising(near, maxval) });
            const cells = decoded(codestream);
            assertWithin(near, cells, picture, what);
            assert.deepEqual(cells, charls(codestream), what);
          }
        }
      }
    });
  }

  it("by the encoder of another, its parameters the default ones, is what CharLS makes of it", () => {
    for (const bits of [8, 16] as const) {
      for (const [name, painter] of Object.entries(PAINTERS)) {
        const picture = painted(painter, [70, 40], bits, 2 ** bits - 1);
        const pixels: Pixels = { rows: 40, columns: 70, bits, samples: 1, cells: cellsOf(picture) };
        for (const encode of [ENCODE.jpegLs, ENCODE.jpegLsNear]) {
          const codestream = encoded(pixels, encode);
          assert.deepEqual(decoded(codestream), charls(codestream), `${name}, ${bits} bits`);
        }
        assert.deepEqual(decoded(encoded(pixels, ENCODE.jpegLs)), pixels.cells, name);
      }
    }
  });

  it("with preset parameters, MAXVAL among them, is what was encoded", () => {
    const presets: [number, Preset][] = [
      [8, { maxval: 200, thresholds: [2, 5, 90] }],
      [12, { maxval: 2600, thresholds: [9, 9, 9], reset: 31 }],
      [12, { maxval: 1000, near: 3, thresholds: [4, 40, 400], reset: 255 }],
      [16, { maxval: 5, thresholds: [1, 2, 3], reset: 3 }],
      [16, { maxval: 65_535, thresholds: [1, 1, 65_535], reset: 60_000 }],
      [16, { maxval: 40_000, near: 255, thresholds: [256, 4000, 9000] }],
      [2, { maxval: 1, thresholds: [1, 1, 1] }],
    ];
    for (const [precision, preset] of presets) {
      for (const [name, painter] of Object.entries(PAINTERS)) {
        const picture = painted(painter, [70, 40], precision, preset.maxval ?? 0);
        const what = `${name}, ${precision} bits, ${JSON.stringify(preset)}`;
        assertWithin(preset.near ?? 0, decoded(encodeJpegLs(picture, preset)), picture, what);
      }
    }
  });

  const small = (near: number): Uint8Array =>
    encodeJpegLs(painted(PAINTERS.runs as Painter, [13, 9], 12, 4095), { near, thresholds: [18, 67, 276] });

  it("is refused wherever it is cut off, with an end marker or without", () => {
    const codestream = small(0);
    const scan = Buffer.from(codestream).indexOf(Buffer.of(0xff, 0xda)) + 10;
    for (let length = scan; length < codestream.length - 2; length++) {
      const cut = codestream.subarray(0, length);
      refusedWith("PIXEL_DATA_CORRUPT", () => decodeJpegLsScan(cut));
      refusedWith("PIXEL_DATA_CORRUPT", () => decodeJpegLsScan(Buffer.concat([cut, Uint8Array.of(0xff, 0xd9)])));
    }
    // CharLS may wait for ever for the rest of a header; `readCodestreamHeader` lets none pass that has no end.
    for (let length = 0; length < scan; length++)
      assert.equal(decodeJpegLsScan(codestream.subarray(0, length)), undefined, `${length} bytes`);
  });

  it("may be followed by zeros, fill bytes and anything after its end, but by no more data", () => {
    const whole = small(0);
    const scan = whole.subarray(0, -2);
    const cells = decoded(whole);
    for (const end of [
      [0xff, 0xff, 0xff, 0xd9],
      [0, 0xff, 0xd9],
      [0xff, 0xd9, 0, 7],
    ])
      assert.deepEqual(decoded(Buffer.concat([scan, Uint8Array.from(end)])), cells);
    for (const end of [[1, 0xff, 0xd9], [0, 0, 0, 0, 0xff, 0xd9], [0xff, 0xd0, 0xff, 0xd9], [0xff], []])
      refusedWith("PIXEL_DATA_CORRUPT", () => decodeJpegLsScan(Buffer.concat([scan, Uint8Array.from(end)])));
  });

  it("is decoded or refused whatever is done to its scan, and leaves nothing behind", () => {
    for (const near of [0, 2]) {
      const whole = small(near);
      const cells = decoded(whole);
      const scan = Buffer.from(whole).indexOf(Buffer.of(0xff, 0xda));
      const random = randomFrom(near);
      const below = (limit: number): number => Math.floor(random() * limit);
      let same = 0;
      for (let round = 0; round < 2000; round++) {
        const damaged = Uint8Array.from(whole);
        for (let blows = 1 + below(3); blows > 0; blows--)
          damaged[scan + 10 + below(whole.length - scan - 10)] = below(256);
        try {
          const made = decoded(damaged);
          assert.equal(made.length, cells.length);
          assert.ok(new Uint16Array(made.buffer).every((value) => value <= 4095));
          same++;
        } catch (error) {
          assert.ok(error instanceof DafhError && error.code === "PIXEL_DATA_CORRUPT", String(error));
        }
      }
      assert.ok(same > 0 && same < 1000, `${same} decoded`);
      assert.deepEqual(decoded(whole), cells);
    }
  });

  it("with what our decoder does not know is left to CharLS", () => {
    const whole = small(0);
    const scan = Buffer.from(whole).indexOf(Buffer.of(0xff, 0xda));
    const changed = (at: number, value: number): Uint8Array => whole.with(scan + at, value);
    // Components, mapping table, NEAR, interleaving, point transform.
    for (const [at, value] of [
      [4, 2],
      [6, 1],
      [7, 255],
      [8, 1],
      [9, 1],
    ] as const) {
      // NEAR 255 is allowed with 12 bits, but not with these thresholds.
      assert.equal(decodeJpegLsScan(changed(at, value)), undefined, `byte ${at}`);
    }
    const restart = Uint8Array.of(0xff, 0xdd, 0, 4, 0, 1);
    const withRestart = Buffer.concat([whole.subarray(0, scan), restart, whole.subarray(scan)]);
    assert.equal(decodeJpegLsScan(withRestart), undefined);
  });

  it("is decoded by the module that its source was last compiled to", () => {
    const source = readFileSync(new URL("../../../../encoder/dicom/jpeg-ls-scan.c", import.meta.url));
    const sha256 = createHash("sha256").update(source).digest("hex");
    assert.equal(JPEG_LS_SCAN.sourceSha256, sha256, "run scripts/compile-webassembly.mjs");
  });
});
