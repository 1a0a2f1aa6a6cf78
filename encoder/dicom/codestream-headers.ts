/**
 * What a JPEG, JPEG-LS or JPEG 2000 codestream says of itself, and whether it is whole. The codecs decode a stream
 * of another size, or half of one, without a word; so it is held against the dataset before they see it.
 */
import { DafhError } from "../../schemas/index.js";
import type { CodecName } from "./transfer-syntaxes.js";

export interface CodestreamHeader {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  /** Bits of a sample. */
  readonly precision: number;
  /** Of JPEG 2000; elsewhere the dataset decides. */
  readonly signed?: boolean;
}

/** EOI of JPEG, EOC of JPEG 2000. */
const END_MARKER = Buffer.from([0xff, 0xd9]);

/** What a codestream begins with: SOI of JPEG and JPEG-LS, SOC and SIZ of JPEG 2000. */
const CODESTREAM_START: { readonly [codec in CodecName]: readonly number[] } = {
  jpeg: [0xff, 0xd8],
  "jpeg-ls": [0xff, 0xd8],
  "jpeg-2000": [0xff, 0x4f, 0xff, 0x51],
  htj2k: [0xff, 0x4f, 0xff, 0x51],
};

export function startsCodestream(bytes: Uint8Array, codec: CodecName): boolean {
  return CODESTREAM_START[codec].every((byte, index) => bytes[index] === byte);
}

/** @throws DafhError PIXEL_DATA_CORRUPT */
export function readCodestreamHeader(bytes: Uint8Array, compression: CodecName): CodestreamHeader {
  switch (compression) {
    case "jpeg":
      return readJpegHeader(bytes, "JPEG", isJpegFrame);
    case "jpeg-ls":
      return readJpegHeader(bytes, "JPEG-LS", (marker) => marker === 0xf7);
    case "jpeg-2000":
    case "htj2k":
      return readJpeg2000Header(bytes);
  }
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which lie among them (ISO 10918-1 table B.1). */
function isJpegFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

const DQT = 0xdb;
const SOS = 0xda;

/** Frames of DCT coefficients: baseline, extended, progressive, and with arithmetic coding (ISO 10918-1 table B.1). */
const NEEDS_QUANTIZATION: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);

function readJpegHeader(bytes: Uint8Array, name: string, isFrame: (marker: number) => boolean): CodestreamHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw corrupt(`the frame is not a ${name} codestream`);
  let offset = 2;
  let header: CodestreamHeader | undefined;
  let quantized = false;
  while (offset + 4 <= bytes.length) {
    if (bytes[offset] !== 0xff) throw corrupt(`the ${name} codestream has no marker at byte ${offset}`);
    const marker = bytes[offset + 1] ?? 0;
    if (marker === 0xff) {
      offset++;
      continue;
    }
    // Reserved, or without a length (ISO 10918-1 table B.1): one codec skips what follows, its tables too, and then
    // waits for them for ever.
    if (marker < 0xc0) throw corrupt(`the ${name} codestream has marker FF${marker.toString(16)} in its header`);
    const length = view.getUint16(offset + 2);
    if (isFrame(marker)) {
      if (length < 8 || offset + 10 > bytes.length) break;
      if (!hasEndMarker(bytes, offset)) throw corrupt(`the ${name} codestream has no end: it is cut off`);
      header = {
        precision: bytes[offset + 4] ?? 0,
        rows: view.getUint16(offset + 5),
        columns: view.getUint16(offset + 7),
        samplesPerPixel: bytes[offset + 9] ?? 0,
      };
      if (!NEEDS_QUANTIZATION.has(marker)) return header;
    }
    if (marker === DQT) quantized = true;
    // The tables may stand on either side of the frame header, but before the scan; without them one codec waits for ever.
    if (header !== undefined && quantized) return header;
    if (marker === SOS || length < 2) break;
    offset += 2 + length;
  }
  throw corrupt(`the ${name} codestream has no ${header === undefined ? "frame header" : "quantization table"}`);
}

/** SOC, then SIZ, always (ISO 15444-1 A.4 and A.5.1). */
function readJpeg2000Header(bytes: Uint8Array): CodestreamHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 45 || view.getUint32(0) !== 0xff4fff51) throw corrupt("the frame is not a JPEG 2000 codestream");
  const samplesPerPixel = view.getUint16(40);
  const depth = bytes[42] ?? 0;
  for (let component = 0; component < samplesPerPixel; component++) {
    const at = 42 + component * 3;
    if (bytes[at] !== depth || bytes[at + 1] !== 1 || bytes[at + 2] !== 1) {
      throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", "JPEG 2000 components of different depth or size");
    }
  }
  if (!hasSoundTiles(view)) throw corrupt("the JPEG 2000 codestream's tiles do not cover its image");
  if (!hasWholeTileParts(bytes, view)) throw corrupt("the JPEG 2000 codestream is cut off inside a tile-part");
  return {
    columns: view.getUint32(8) - view.getUint32(16),
    rows: view.getUint32(12) - view.getUint32(20),
    samplesPerPixel,
    precision: (depth & 0x7f) + 1,
    signed: depth >= 0x80,
  };
}

/** Tile indices have 16 bits (A.4.2). */
const MAX_TILES = 65_535;

/** Image and tile grid as A.5.1 bounds them; one codec runs for ever over a grid that begins inside the image. */
function hasSoundTiles(view: DataView): boolean {
  const axis = (at: number): number | undefined => {
    const [end, start, tile, gridStart] = [0, 8, 16, 24].map((field) => view.getUint32(at + field));
    if (end === undefined || start === undefined || tile === undefined || gridStart === undefined) return undefined;
    const isSound = start < end && tile > 0 && gridStart <= start && gridStart + tile > start;
    return isSound ? Math.ceil((end - gridStart) / tile) : undefined;
  };
  const [across, down] = [axis(8), axis(12)];
  return across !== undefined && down !== undefined && across * down <= MAX_TILES;
}

/** Follows the tile-parts by the lengths that they state (A.4.2); the last may leave its length open. */
function hasWholeTileParts(bytes: Uint8Array, view: DataView): boolean {
  let offset = 2;
  while (offset + 4 <= bytes.length) {
    const marker = view.getUint16(offset);
    if (marker === 0xffd9) return true;
    if (marker === 0xff90) {
      if (offset + 12 > bytes.length) return false;
      const tilePartBytes = view.getUint32(offset + 6);
      if (tilePartBytes === 0) return hasEndMarker(bytes, offset);
      if (tilePartBytes < 14) return false;
      offset += tilePartBytes;
      // A stream that stops after a whole tile-part only lacks its end marker.
      if (offset === bytes.length) return true;
    } else {
      offset += 2 + view.getUint16(offset + 2);
    }
  }
  return offset + 2 <= bytes.length && view.getUint16(offset) === 0xffd9;
}

/** Entropy-coded data cannot hold FFD9, so wherever it stands after the headers, padding of any kind may follow it. */
function hasEndMarker(bytes: Uint8Array, from: number): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).lastIndexOf(END_MARKER) > from;
}

function corrupt(what: string): DafhError {
  return new DafhError("PIXEL_DATA_CORRUPT", what);
}
