/**
 * What one file may ask for. Every limit is checked before the memory or the time is spent; whoever calls
 * `openDicom` may give others.
 */

export interface DicomLimits {
  /** Bytes of the file, compressed or not. */
  readonly fileBytes: number;
  /** Bytes of a deflated dataset once it is inflated. */
  readonly inflatedBytes: number;
  /** Data elements walked over, those in sequences included. */
  readonly elements: number;
  /** Sequences within sequences. */
  readonly sequenceDepth: number;
  readonly frames: number;
  /** Rows × columns × samples of one frame. The largest mammogram has 14 million. */
  readonly samplesPerFrame: number;
}

export const DEFAULT_LIMITS: DicomLimits = {
  fileBytes: 2 ** 31 - 1,
  inflatedBytes: 512 * 1024 * 1024,
  elements: 2_000_000,
  sequenceDepth: 32,
  frames: 100_000,
  samplesPerFrame: 32 * 1024 * 1024,
};
