/**
 * Randomness that is the same on every machine and every run: the cohort is generated, and two people who generate it
 * must get the same files to the last byte.
 */

/** Numbers in [0, 1) from a seed (a 32-bit counter through a mixing function). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mixed(state) / 2 ** 32;
  };
}

/** Roughly normal, mean 0, standard deviation 1: the sum of twelve, shifted. */
export function normalFrom(random) {
  return () => {
    let sum = -6;
    for (let term = 0; term < 12; term++) sum += random();
    return sum;
  };
}

/** Smooth noise over space, in [-1, 1]: random values on a lattice with a smooth passage between them. */
export function fieldFrom(seed) {
  const at = (x, y, z) =>
    mixed((Math.imul(x, 374761393) ^ Math.imul(y, 668265263) ^ Math.imul(z, 2147483647) ^ seed) >>> 0) / 2 ** 31 - 1;
  return (x, y, z) => {
    const [x0, y0, z0] = [Math.floor(x), Math.floor(y), Math.floor(z)];
    const [u, v, w] = [eased(x - x0), eased(y - y0), eased(z - z0)];
    const plane = (dz) =>
      between(
        between(at(x0, y0, z0 + dz), at(x0 + 1, y0, z0 + dz), u),
        between(at(x0, y0 + 1, z0 + dz), at(x0 + 1, y0 + 1, z0 + dz), u),
        v,
      );
    return between(plane(0), plane(1), w);
  };
}

const between = (from, to, part) => from + (to - from) * part;
const eased = (part) => part * part * (3 - 2 * part);

/** Every bit of the result depends on every bit of the input (two rounds of xor-shift and multiply). */
function mixed(value) {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x21f0aaad);
  bits ^= bits >>> 15;
  bits = Math.imul(bits, 0x735a2d97);
  return (bits ^ (bits >>> 15)) >>> 0;
}
