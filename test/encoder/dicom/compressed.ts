/**
 * Frames compressed for the tests and benchmarks: RLE by ourselves, the rest by the encoders of the package that also
 * decodes. What a dataset around them says is for the caller.
 */
import dcmjsCodecs from "dcmjs-codecs";

const { Context, NativeCodecs } = dcmjsCodecs;

export interface Pixels {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 8 | 16;
  readonly samples: 1 | 3;
  /** Little endian, the samples of a pixel together. */
  readonly cells: Uint8Array;
}

export type Encode = (context: InstanceType<typeof Context>) => InstanceType<typeof Context>;

/** By what `encoded` takes; of 16 bits 12 are stored. */
export const ENCODE = {
  jpegBaseline: (context) => NativeCodecs.encodeJpeg(context, { lossy: true, quality: 80 }),
  jpegLossless: (context) => NativeCodecs.encodeJpeg(context, { lossy: false, predictor: 1 }),
  jpegLs: (context) => NativeCodecs.encodeJpegLs(context, { lossy: false }),
  jpegLsNear: (context) => NativeCodecs.encodeJpegLs(context, { lossy: true, allowedLossyError: 3 }),
  jpeg2000: (context) => NativeCodecs.encodeJpeg2000(context, { lossy: false }),
  jpeg2000Lossy: (context) => NativeCodecs.encodeJpeg2000(context, { lossy: true, rate: 10 }),
  htj2k: (context) => NativeCodecs.encodeHtJpeg2000(context, { lossy: false }),
  htj2kLossy: (context) => NativeCodecs.encodeHtJpeg2000(context, { lossy: true }),
} satisfies Record<string, Encode>;

/** Await it before `encoded`. */
export const initEncoders = (): Promise<void> => NativeCodecs.initializeAsync();

export function encoded(pixels: Pixels, encode: Encode): Uint8Array {
  const context = new Context({
    width: pixels.columns,
    height: pixels.rows,
    bitsAllocated: pixels.bits,
    bitsStored: pixels.bits === 16 ? 12 : 8,
    samplesPerPixel: pixels.samples,
    pixelRepresentation: 0,
    planarConfiguration: 0,
    photometricInterpretation: pixels.samples === 3 ? "RGB" : "MONOCHROME2",
    decodedBuffer: pixels.cells,
  });
  const buffer = encode(context).getEncodedBuffer();
  if (buffer === undefined) throw new Error("the encoder gave nothing");
  return evenly(Uint8Array.from(buffer));
}

/** Padded to an even length, as every value and fragment is. */
export const evenly = (bytes: Uint8Array): Uint8Array =>
  bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(1)]);

/** RLE of PS3.5 annex G: literal runs and, where a byte repeats, replicated ones. */
export function runLengthEncoded({ cells, bits, samples }: Pixels): Uint8Array {
  const bytesPerPixel = (bits / 8) * samples;
  const planes = Array.from({ length: bytesPerPixel }, (_, plane) => {
    const sample = Math.floor(plane / (bits / 8));
    const byte = bits / 8 - 1 - (plane % (bits / 8));
    return cells.filter((_cell, index) => index % bytesPerPixel === sample * (bits / 8) + byte);
  });
  const packed = planes.map((plane) => evenly(packBits(plane)));
  const header = new DataView(new ArrayBuffer(64));
  header.setUint32(0, packed.length, true);
  let offset = 64;
  for (const [index, segment] of packed.entries()) {
    header.setUint32(4 + index * 4, offset, true);
    offset += segment.length;
  }
  return Buffer.concat([new Uint8Array(header.buffer), ...packed]);
}

function packBits(plane: Uint8Array): Uint8Array {
  const packed: number[] = [];
  for (let at = 0; at < plane.length; ) {
    let same = 1;
    while (same < 128 && at + same < plane.length && plane[at + same] === plane[at]) same++;
    if (same >= 3) {
      packed.push(257 - same, plane[at] ?? 0);
      at += same;
      continue;
    }
    const start = at;
    const repeats = (from: number): boolean => plane[from] === plane[from + 1] && plane[from] === plane[from + 2];
    while (at < plane.length && at - start < 128 && !(at + 2 < plane.length && repeats(at))) at++;
    packed.push(at - start - 1, ...plane.subarray(start, at));
  }
  return Uint8Array.from(packed);
}
