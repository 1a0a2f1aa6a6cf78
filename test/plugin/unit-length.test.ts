/** The form in which features are sent: what Qdrant's own normalising and rounding to float16 make of it. */
import assert from "node:assert/strict";
import { toUnitLength } from "../../plugin/points/unit-length.js";
import { toFloat16 } from "./recomputed.js";

const SIZE = 256;

/** Values like a layer's output, other ones for each seed: a chaotic map, spread to both signs. */
function features(seed: number): Float32Array {
  let state = 0.1 + (seed % 97) / 130;
  return Float32Array.from({ length: SIZE }, () => {
    state = 3.99 * state * (1 - state);
    return (state - 0.5) ** 3 * 8;
  });
}

const lengthOf = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0));

/** What the engine stores: normalised in float32, rounded to float16. */
function asStored(values: ArrayLike<number>): number[] {
  const length = Math.fround(lengthOf(Array.from(values)));
  return Array.from(values, (value) => toFloat16(Math.fround(value / length)));
}

describe("features of length 1 in float16", () => {
  const examples = Array.from({ length: 200 }, (_, seed) => features(seed));

  it("are stored with length 1 to within float32's precision, where sending them as they are misses by more than 1e-6", () => {
    const plain = examples.map((values) => Math.abs(lengthOf(asStored(values)) - 1));
    assert.ok(Math.max(...plain) > 1e-6, "the examples show the fault that is mended");
    for (const values of examples) assert.ok(Math.abs(lengthOf(asStored(toUnitLength(values))) - 1) < 6e-8);
  });

  it("are sent as whole numbers of at most eight digits", () => {
    for (const values of examples) {
      for (const value of toUnitLength(values)) assert.ok(Number.isInteger(value) && Math.abs(value) <= 2 ** 24);
    }
  });

  it("point where they pointed", () => {
    for (const values of examples) {
      const stored = asStored(toUnitLength(values));
      const cosine = stored.reduce((sum, value, at) => sum + value * (values[at] ?? 0), 0) / lengthOf(values);
      assert.ok(cosine > 1 - 2e-7, String(cosine));
    }
  });

  it("stay whole where all but one value is 0", () => {
    const values = new Float32Array(SIZE);
    values[3] = -7;
    assert.deepEqual(
      asStored(toUnitLength(values)),
      Array.from(values, (value) => (value === 0 ? 0 : -1)),
    );
  });
});
