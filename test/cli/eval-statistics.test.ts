/** What an evaluation makes of its queries' figures: intervals over patients, confusion, the health of codes, and altered queries. */
import assert from "node:assert/strict";
import sharp from "sharp";
import { ALTERATIONS } from "../../cli/eval/alterations.js";
import { bootstrap, randomNumbers } from "../../cli/eval/bootstrap.js";
import { codeHealth, confusion, type Labelled, meanOf } from "../../cli/eval/statistics.js";
import type { StoredImage } from "../../cli/eval/ways.js";

/** As many patients as `values`, each with `images` queries of one value. */
function patients(className: string, values: readonly number[], images: number): Labelled[] {
  return values.flatMap((value, index) =>
    Array.from({ length: images }, () => ({ className, group: `${className}${index}`, value })),
  );
}

describe("intervals over patients", () => {
  const random = randomNumbers(3);
  const values = Array.from({ length: 40 }, () => random());

  it("hold the mean, and are the same at every call", () => {
    const queries = [...patients("a", values, 1), ...patients("b", [0.5, 0.6, 0.7, 0.8], 5)];
    const { micro, macro } = bootstrap(queries);
    const mean = meanOf(queries);
    assert.ok(micro.low < mean.micro && mean.micro < micro.high);
    assert.ok(macro.low < mean.macro && mean.macro < macro.high);
    assert.deepEqual(bootstrap(queries), { micro, macro });
  });

  it("are about 1.96 standard errors to either side where every patient has one image", () => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const expected = 2 * 1.96 * Math.sqrt(variance / values.length);
    const { low, high } = bootstrap(patients("a", values, 1)).micro;
    assert.ok(Math.abs(high - low - expected) < 0.15 * expected, `${high - low} and ${expected}`);
  });

  it("are not narrowed by more images of the same patients", () => {
    assert.deepEqual(bootstrap(patients("a", values, 20)).macro, bootstrap(patients("a", values, 1)).macro);
  });

  it("have no width where there is one patient", () => {
    assert.deepEqual(bootstrap(patients("a", [0.25], 12)).macro, { low: 0.25, high: 0.25 });
  });

  it("leave no class out of a draw, however few its patients", () => {
    const queries = [...patients("rare", [0, 0], 5), ...patients("common", Array(60).fill(1), 5)];
    const { macro } = bootstrap(queries);
    assert.deepEqual(macro, { low: 0.5, high: 0.5 });
  });
});

describe("health of codes", () => {
  const stored = (codes: readonly number[]): StoredImage[] =>
    codes.map((code, index) => ({
      id: String(index),
      className: "CT/x",
      code: Uint8Array.of(code),
      features: Float32Array.of(1),
    }));

  it("is the share of ones of each bit, the first bit first", () => {
    const { ones, leastOnes, mostOnes, healthy } = codeHealth(stored([0b1000_0000, 0b1100_0000, 0b1000_0000, 0]), 2);
    assert.deepEqual(ones, [0.75, 0.25]);
    assert.deepEqual([leastOnes, mostOnes, healthy], [0.25, 0.75, false]);
  });

  it("finds two bits that say the same, or the opposite", () => {
    const same = codeHealth(stored([0b1100_0000, 0, 0b1100_0000, 0]), 2);
    const opposite = codeHealth(stored([0b1000_0000, 0b0100_0000]), 2);
    assert.ok(Math.abs(same.largestCorrelation - 1) < 1e-9);
    assert.ok(Math.abs(opposite.largestCorrelation - 1) < 1e-9);
    assert.equal(same.healthy, false);
  });

  it("is good where bits are balanced and independent", () => {
    const { healthy, largestCorrelation } = codeHealth(stored([0, 0b0100_0000, 0b1000_0000, 0b1100_0000]), 2);
    assert.deepEqual([healthy, largestCorrelation], [true, 0]);
  });
});

describe("confusion", () => {
  it("is each class's share of the images found, the largest first", () => {
    const query = (className: string, nearestClasses: readonly string[]) => ({
      query: {
        path: "",
        frame: 1,
        modality: "CT",
        label: "x",
        className,
        split: "test" as const,
        group: "",
      },
      ways: new Map(),
      nearestClasses,
      nearest: [],
      codesAgree: true,
    });
    const found = confusion([query("a", ["b", "b", "a"]), query("a", ["a", "b", "c"]), query("b", ["b"])]);
    assert.deepEqual(Object.entries(found.a ?? {}), [
      ["b", 0.5],
      ["a", 2 / 6],
      ["c", 1 / 6],
    ]);
    assert.deepEqual(found.b, { b: 1 });
  });
});

describe("altered queries", () => {
  const [width, height] = [120, 80];
  /** A ramp to the right, so that every alteration leaves its mark. */
  const ramp = sharp(
    Buffer.from(Array.from({ length: width * height }, (_, index) => 20 + Math.round((index % width) * 1.5))),
    { raw: { width, height, channels: 1 } },
  )
    .png()
    .toBuffer();
  const altered = async (name: string) => {
    const alteration = ALTERATIONS.find((one) => one.name === name);
    assert.ok(alteration, name);
    const bytes = await alteration.alter(await ramp);
    const { data, info } = await sharp(bytes).greyscale().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number): number => data[(y * info.width + x) * info.channels] ?? Number.NaN;
    return { ...info, at, format: (await sharp(bytes).metadata()).format };
  };
  const original = (x: number): number => 20 + Math.round(x * 1.5);

  it("are mirrored", async () => {
    const { at } = await altered("flip");
    assert.equal(at(0, 5), original(width - 1));
  });

  it("are turned about their middle, black coming in at the corners", async () => {
    for (const name of ["rotated +10°", "rotated −10°"]) {
      const { at } = await altered(name);
      assert.ok(Math.abs(at(width / 2, height / 2) - original(width / 2)) < 5, name);
      assert.equal(Math.min(at(0, 0), at(0, height - 1)), 0, name);
    }
  });

  it("become brighter or darker as gamma and window say", async () => {
    const middle = original(60);
    assert.equal((await altered("gamma 0.7")).at(60, 40), Math.round(255 * (middle / 255) ** 0.7));
    assert.equal((await altered("gamma 1.4")).at(60, 40), Math.round(255 * (middle / 255) ** 1.4));
    assert.equal((await altered("window +10 %")).at(60, 40), Math.round(middle + 25.5));
    assert.equal((await altered("window −10 %")).at(60, 40), Math.round(middle - 25.5));
    assert.equal((await altered("window −10 %")).at(0, 40), 0, "cut at black");
  });

  it("lose 30 % of either side, or gain black until they are 70 % of it", async () => {
    const inside = await altered("cropped");
    assert.deepEqual([inside.width, inside.height], [84, 56]);
    assert.equal(inside.at(0, 0), original(18));
    const around = await altered("margin");
    assert.ok(Math.abs(width / around.width - 0.7) < 0.01 && Math.abs(height / around.height - 0.7) < 0.01);
    assert.equal(around.at(0, 0), 0);
    assert.equal(around.at(26, 40), original(0));
  });

  it("are compressed as JPEG", async () => {
    assert.equal((await altered("JPEG 50")).format, "jpeg");
  });
});
