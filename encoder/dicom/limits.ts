/**
 * What one file may ask for. Every limit is checked before the memory or the time is spent; whoever calls
 * `openDicom` may give others.
 */
import { DafhError, type ErrorCode } from "../../schemas/index.js";

export interface DicomLimits {
  /** Bytes of the file, compressed or not. */
  readonly fileBytes: number;
  /** Bytes of a deflated dataset once it is inflated. */
  readonly inflatedBytes: number;
  /** Bytes that a byte of a deflated dataset or a compressed frame may become, where that is more than 16 MiB. */
  readonly decompressionRatio: number;
  /** Data elements walked over, those in sequences included. */
  readonly elements: number;
  /** Sequences within sequences. */
  readonly sequenceDepth: number;
  readonly frames: number;
  /** Rows × columns × samples of one frame. The largest mammogram has 14 million. */
  readonly samplesPerFrame: number;
}

/** What no lenient reading may pass over. */
const LIMIT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "LIMIT_EXCEEDED",
  "TOO_MANY_FRAMES",
  "TOO_MANY_PIXELS",
  "TOO_MANY_ELEMENTS",
  "SEQUENCES_TOO_DEEP",
]);

export function isLimit({ code }: DafhError): boolean {
  return LIMIT_CODES.has(code);
}

/** A blank image of a usual size may be a few hundred bytes. */
const ALWAYS_ALLOWED_BYTES = 16 * 1024 * 1024;

/** Bytes that so many compressed bytes may become. */
export function mostDecompressed(compressedBytes: number, limits: DicomLimits): number {
  return Math.max(ALWAYS_ALLOWED_BYTES, compressedBytes * limits.decompressionRatio);
}

/** @throws DafhError DECOMPRESSION_RATIO */
export function checkRatio(compressedBytes: number, bytes: number, limits: DicomLimits): void {
  if (bytes <= mostDecompressed(compressedBytes, limits)) return;
  throw new DafhError(
    "DECOMPRESSION_RATIO",
    `${compressedBytes} bytes become ${bytes} or more; the limit is ${limits.decompressionRatio} for each`,
  );
}

export const DEFAULT_LIMITS: DicomLimits = {
  fileBytes: 2 ** 31 - 1,
  inflatedBytes: 512 * 1024 * 1024,
  decompressionRatio: 500,
  elements: 2_000_000,
  sequenceDepth: 32,
  frames: 100_000,
  samplesPerFrame: 32 * 1024 * 1024,
};
