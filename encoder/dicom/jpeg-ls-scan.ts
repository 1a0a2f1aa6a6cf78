/**
 * JPEG-LS (ISO 14495-1) of one component in one scan, which is nearly all of it in DICOM: reads the headers, and has
 * `jpeg-ls-scan.c` decode the scan in WebAssembly, faster than CharLS (`bench/decode.md`). Whatever else a codestream may
 * have (components, restart intervals, mapping tables, shifts) is for CharLS, by `jpeg-ls.ts`.
 */
import { DafhError } from "../../schemas/index.js";
import { JPEG_LS_SCAN } from "./jpeg-ls-scan.generated.js";

/** A scan of one component, in the standard's words. */
interface Scan {
  readonly rows: number;
  readonly columns: number;
  readonly precision: number;
  readonly near: number;
  readonly maxval: number;
  /** T1, T2 and T3. */
  readonly thresholds: readonly [number, number, number];
  readonly reset: number;
  /** The entropy-coded data and what follows it. */
  readonly data: Uint8Array;
}

/**
 * Cells of 8 bits, or of 16 above a precision of 8, in the decoder's memory: valid until it is used again. `undefined`
 * where the codestream has something that is not decoded here.
 *
 * @throws DafhError PIXEL_DATA_CORRUPT; the decoder is as sound afterwards as before
 */
export function decodeJpegLsScan(codestream: Uint8Array): Uint8Array | undefined {
  const scan = readScan(codestream);
  return scan && decode(scan);
}

const MARKER = { SOF55: 0xf7, SOS: 0xda, LSE: 0xf8, COM: 0xfe, APP0: 0xe0, APP15: 0xef } as const;
const DEFAULT_RESET = 64;
const MOST_NEAR = 255;

/** Annex C, of which everything but frame and scan header, preset coding parameters and comments is left to CharLS. */
function readScan(bytes: Uint8Array): Scan | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: { readonly precision: number; readonly rows: number; readonly columns: number } | undefined;
  let preset: readonly number[] = [0, 0, 0, 0, 0];
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1] ?? 0;
    const length = view.getUint16(at + 2);
    const from = at + 4;
    at += 2 + length;
    if (at > bytes.length || bytes[from - 4] !== 0xff) return undefined;
    if (marker === MARKER.SOF55) {
      if (frame !== undefined || length !== 11 || bytes[from + 5] !== 1) return undefined;
      frame = { precision: bytes[from] ?? 0, rows: view.getUint16(from + 1), columns: view.getUint16(from + 3) };
    } else if (marker === MARKER.LSE) {
      if (length !== 13 || bytes[from] !== 1) return undefined;
      preset = [1, 3, 5, 7, 9].map((field) => view.getUint16(from + field));
    } else if (marker === MARKER.SOS) {
      if (frame === undefined || length !== 8 || bytes[from] !== 1) return undefined;
      const [mappingTable, near, interleaving, pointTransform] = bytes.subarray(from + 2);
      if (near === undefined || mappingTable !== 0 || interleaving !== 0 || pointTransform !== 0) return undefined;
      const coding = codingOf(frame.precision, near, preset);
      return coding && { ...frame, ...coding, near, data: bytes.subarray(at) };
    } else if (marker !== MARKER.COM && (marker < MARKER.APP0 || marker > MARKER.APP15)) return undefined;
  }
  return undefined;
}

/** C.2.4.1.1, where 0 stands for the default; `undefined` for what it does not allow. */
function codingOf(precision: number, near: number, [maxval = 0, t1 = 0, t2 = 0, t3 = 0, reset = 0]: readonly number[]) {
  const orElse = (value: number, byDefault: number): number => (value === 0 ? byDefault : value);
  const greatest = 2 ** precision - 1;
  const coding = { maxval: orElse(maxval, greatest), reset: orElse(reset, DEFAULT_RESET) };
  const [first, second, third] = defaultThresholds(coding.maxval, near);
  const thresholds = [orElse(t1, first), orElse(t2, second), orElse(t3, third)] as const;
  const bounds = [near + 1, ...thresholds, coding.maxval];
  const isAllowed =
    precision >= 2 &&
    precision <= 16 &&
    coding.maxval <= greatest &&
    near <= Math.min(MOST_NEAR, Math.floor(coding.maxval / 2)) &&
    coding.reset >= 3 &&
    coding.reset <= Math.max(255, coding.maxval) &&
    bounds.every((bound, index) => bound >= (bounds[index - 1] ?? 0));
  return isAllowed ? { ...coding, thresholds } : undefined;
}

/** C.2.4.1.1.1 */
function defaultThresholds(maxval: number, near: number): readonly [number, number, number] {
  const isWide = maxval >= 128;
  const factor = Math.floor(isWide ? (Math.min(maxval, 4095) + 128) / 256 : 256 / (maxval + 1));
  const threshold = (of8Bits: number, least: number, margin: number, below: number): number => {
    const value = isWide
      ? factor * (of8Bits - least) + least + margin
      : Math.max(least, Math.floor(of8Bits / factor) + margin);
    return value > maxval || value < below ? below : value;
  };
  const t1 = threshold(3, 2, 3 * near, near + 1);
  const t2 = threshold(7, 3, 5 * near, t1);
  return [t1, t2, threshold(21, 4, 7 * near, t2)];
}

/** What `jpeg-ls-scan.c` exports, its pointers as offsets in its memory. */
interface ScanDecoder {
  readonly memory: WebAssembly.Memory;
  decodeScan(
    source: number,
    length: number,
    endOfBits: number,
    cells: number,
    cellBytes: 1 | 2,
    columns: number,
    rows: number,
    maxval: number,
    near: number,
    t1: number,
    t2: number,
    t3: number,
    reset: number,
  ): number;
}

const MEMORY_PAGE = 65_536;
/** More than the module reads or writes past the end of what it is given. */
const SLACK_BYTES = 256;
/** On the average: where some codes of 16 bits are longer, the rest of their context's are the shorter (A.5.1). */
const MOST_BYTES_A_SAMPLE = 4;

// The cast holds for the very module that was compiled from its source.
const { memory, decodeScan } = new WebAssembly.Instance(
  new WebAssembly.Module(Buffer.from(JPEG_LS_SCAN.wasmBase64, "base64")),
).exports as unknown as ScanDecoder;

/** Where the module's own variables end. */
const OWN_BYTES = memory.buffer.byteLength;

/** By the module's `enum Outcome`, after 0: decoded. */
const FAULTS = [
  "its scan does not go on to an end of image",
  "its scan is damaged or cut off",
  "its scan goes on after the last sample",
];

function decode({ rows, columns, precision, maxval, near, thresholds, reset, data }: Scan): Uint8Array {
  const cellBytes = precision <= 8 ? 1 : 2;
  const length = Math.min(data.length, rows * columns * MOST_BYTES_A_SAMPLE + SLACK_BYTES);
  // First the cells, then the source, then its bits, written from their end.
  const source = aligned(OWN_BYTES + rows * columns * cellBytes);
  const endOfBits = aligned(source + length + length + SLACK_BYTES);
  const missing = endOfBits + SLACK_BYTES - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / MEMORY_PAGE));
  new Uint8Array(memory.buffer).set(data.subarray(0, length), source);
  const [t1, t2, t3] = thresholds;
  const outcome = decodeScan(
    source,
    length,
    endOfBits,
    OWN_BYTES,
    cellBytes,
    columns,
    rows,
    maxval,
    near,
    t1,
    t2,
    t3,
    reset,
  );
  if (outcome !== 0)
    throw new DafhError("PIXEL_DATA_CORRUPT", `the jpeg-ls codestream cannot be decoded: ${FAULTS[outcome - 1]}`);
  return new Uint8Array(memory.buffer, OWN_BYTES, rows * columns * cellBytes);
}

const aligned = (offset: number): number => Math.ceil(offset / 16) * 16;
