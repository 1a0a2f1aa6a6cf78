/** Decoding in threads: a file's bytes or path in, network inputs, previews, digests and attributes out. */
export type { Inspection } from "./inspection.js";
export type { DecodeLease } from "./lease.js";
export { DEFAULT_DECODING_LIMITS, type DecodingLimits } from "./limits.js";
export { DecodePool } from "./pool.js";
export { readWholeFile } from "./read-file.js";
export type { DecodedFrame, OpenedSummary } from "./requests.js";
