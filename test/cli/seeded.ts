/** Random numbers that a failing test can be repeated with. */

/** Numbers in [0, 1) from a seed: a linear congruential generator, of which the high bits are used. */
export function seeded(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number(state >> 32n) / 2 ** 32;
  };
}
