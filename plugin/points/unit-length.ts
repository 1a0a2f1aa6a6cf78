/**
 * Features as they are sent: pointing where they pointed, of a length that float16 keeps, in whole numbers. Left to
 * itself, rounding to float16 changes a vector's length by some 1e-5, which Qdrant's cosine takes for similarity: an
 * image then loses rank 1 to a lossy copy of itself. What is stored beside them is `mapping.ts`'s matter.
 */

/** float16's smallest step: every value of it below 1 is a whole number of them. */
const STEPS = 2 ** 24;
/** A length this near to 1 is out of float32's sight. */
const CLOSE_ENOUGH = 1e-8;

/**
 * Values on float16's grid whose length is 1 there, times 2²⁴: Qdrant's cosine divides by the length, so what it stores
 * are the values themselves. Whole numbers are half the bytes of a float's decimals, and a third of the time to write.
 * @param features not all 0
 */
export function toUnitLength(features: Float32Array): number[] {
  let squares = 0;
  for (const feature of features) squares += feature * feature;
  const length = Math.sqrt(squares);
  const values = new Array<number>(features.length);
  let excess = -1;
  for (let at = 0; at < features.length; at++) {
    const exact = (features[at] ?? 0) / length;
    const step = spacing(exact);
    const value = Math.round(exact / step) * step;
    values[at] = value;
    excess += value * value;
  }
  // Single steps back by values that rounding moved the wrong way, each far smaller than what rounding did in all.
  for (let at = 0; at < features.length && Math.abs(excess) > CLOSE_ENOUGH; at++) {
    const value = values[at] ?? 0;
    const roundedUp = Math.abs(value) - Math.abs(features[at] ?? 0) / length;
    const moved = value - Math.sign(value) * Math.sign(excess) * spacing(value);
    const excessThen = excess + moved * moved - value * value;
    if (roundedUp * excess <= 0 || Math.abs(excessThen) >= Math.abs(excess)) continue;
    values[at] = moved;
    excess = excessThen;
  }
  return values.map((value) => value * STEPS);
}

const FLOAT32 = new Float32Array(1);
const BITS = new Uint32Array(FLOAT32.buffer);

/** The distance between neighbouring float16 values at a value below 1: 11 significant bits, from 2⁻¹⁴ down the same. */
function spacing(value: number): number {
  FLOAT32[0] = value;
  const exponent = (((BITS[0] ?? 0) >>> 23) & 0xff) - 127;
  return 2 ** (Math.max(exponent, -14) - 10);
}
