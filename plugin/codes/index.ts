/**
 * Arithmetic on binary codes: prefixes, Hamming distance, and the exact relation between a Hamming distance and the
 * score that Qdrant gives for it. How a code is packed is `packCode` of schemas; storing and querying are elsewhere.
 */
import { DafhError } from "../../schemas/index.js";

const ONES_IN_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
});

/**
 * Bits in which two packed codes differ.
 * @throws DafhError BAD_OPTION where their lengths differ
 */
export function hammingDistance(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) {
    throw new DafhError("BAD_OPTION", `Codes of ${left.length} and ${right.length} bytes cannot be compared.`);
  }
  let distance = 0;
  for (let at = 0; at < left.length; at++) distance += ONES_IN_BYTE[(left[at] ?? 0) ^ (right[at] ?? 0)] ?? 0;
  return distance;
}

/**
 * The first `bits` bits of a packed code, as a packed code of their own; the bits that fill its last byte are 0.
 * @throws DafhError BAD_OPTION where the code has fewer bits
 */
export function prefixCode(code: Uint8Array, bits: number): Uint8Array {
  if (!Number.isInteger(bits) || bits < 1 || bits > code.length * 8) {
    throw new DafhError("BAD_OPTION", `A code of ${code.length * 8} bits has no prefix of ${bits} bits.`);
  }
  const prefix = code.slice(0, Math.ceil(bits / 8));
  const filling = prefix.length * 8 - bits;
  const last = prefix.length - 1;
  prefix[last] = (prefix[last] ?? 0) & (0xff << filling);
  return prefix;
}

/**
 * The packed code of its hex form.
 * @throws DafhError BAD_OPTION where the text is not an even number of hex digits
 */
export function codeFromHex(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) {
    throw new DafhError("BAD_OPTION", "A code is written as an even number of hex digits.", { field: "code" });
  }
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** What Qdrant scores a code at that Hamming distance: a binary-quantized dot product counts +1 a bit alike, −1 a bit unlike. */
export function hammingToScore(distance: number, hashBits: number): number {
  return hashBits - 2 * distance;
}

/** The Hamming distance behind a score of the Hamming stage. */
export function scoreToHamming(score: number, hashBits: number): number {
  return (hashBits - score) / 2;
}

/**
 * The `score_threshold` that lets through what is within a Hamming radius and nothing else. Scores of codes are two
 * apart and Qdrant takes only what is strictly above the threshold, so it lies one below the score at the radius.
 */
export function radiusToScoreThreshold(radius: number, hashBits: number): number {
  return hammingToScore(radius, hashBits) - 1;
}
