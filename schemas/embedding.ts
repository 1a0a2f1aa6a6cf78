/**
 * What passes between the encoder and the plugin: the embedding of one frame, the network that made it, and the one
 * rule that turns the hash layer's floats into bits. How embeddings are stored and compared is the plugin's matter.
 */

/** One frame as the network sees it. */
export interface Embedding {
  /** K floats before the sign. Bit i of the code is 1 where hash[i] > 0 (Qdrant's binary quantization sets a bit by the same rule). */
  readonly hash: Float32Array;
  /** D floats before the hash layer, not normalised. */
  readonly features: Float32Array;
}

/** The network, as the collection's metadata names it. */
export interface ModelInfo {
  /** Such as "dafh-lite0-fusion-3". */
  readonly name: string;
  /** SHA-256 of the ONNX file, hex. Also covers the pixel pipeline's version, since both decide the code. */
  readonly digest: string;
  /** K. */
  readonly hashBits: number;
  /** The nested prefixes of the code that are good codes themselves, ascending, K last. */
  readonly prefixBits: readonly number[];
  /** D. */
  readonly featureSize: number;
}

/** Bits of the code, most significant bit first: hash[0] is the top bit of byte 0. Length ⌈K / 8⌉. */
export function packCode(hash: ArrayLike<number>): Uint8Array {
  const code = new Uint8Array(Math.ceil(hash.length / 8));
  for (let bit = 0; bit < hash.length; bit++) {
    if ((hash[bit] ?? 0) > 0) code[bit >> 3] = (code[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return code;
}

/** The code as lower-case hex, two digits a byte: what payload, command line and API show. */
export function codeToHex(code: Uint8Array): string {
  return Buffer.from(code.buffer, code.byteOffset, code.byteLength).toString("hex");
}
