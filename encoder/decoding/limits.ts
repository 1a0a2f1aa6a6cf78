/** What decoding one file, and all that wait, may take. Limits on what a dataset may contain are `encoder/dicom`'s. */
export interface DecodingLimits {
  /** Bytes of a file that is read from disk. */
  readonly fileBytes: number;
  /** One step: reading and parsing the file, or decoding one frame. */
  readonly stepMs: number;
  /** All steps of a file together: this, and `frameMs` more for each frame asked for. */
  readonly fileMs: number;
  readonly frameMs: number;
  /** JavaScript heap of one thread, MiB; pixel buffers lie outside it and are bounded by the dataset's limits. */
  readonly heapMegabytes: number;
  /** Files that may wait for a thread, and the bytes they may hold meanwhile. */
  readonly waitingFiles: number;
  readonly waitingBytes: number;
}

export const DEFAULT_DECODING_LIMITS: DecodingLimits = {
  fileBytes: 2 ** 31 - 1,
  stepMs: 30_000,
  fileMs: 60_000,
  frameMs: 1_000,
  heapMegabytes: 1024,
  waitingFiles: 256,
  waitingBytes: 1024 * 1024 * 1024,
};
