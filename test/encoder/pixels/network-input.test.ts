/** What the network sees: intensities by scale, shape kept, smaller copies averaged, the same bits every time. */
import assert from "node:assert/strict";
import {
  type GreyImage,
  type IntensityScale,
  NETWORK_INPUT,
  toNetworkInput,
  toPreview,
} from "../../../encoder/pixels/index.js";

const { size } = NETWORK_INPUT;

function image(
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
  scale: IntensityScale,
): GreyImage {
  const values = Float32Array.from({ length: rows * columns }, (_, at) =>
    value(Math.floor(at / columns), at % columns),
  );
  return { rows, columns, values, scale };
}

/** The input's value where a flat image of `value` is; a corner keeps a relative image from being constant. */
function tone(value: number, scale: IntensityScale): number {
  return toNetworkInput(image(size, size, () => value, scale))[(size * size) / 2 + size / 2] ?? Number.NaN;
}

describe("intensities", () => {
  it("of CT rise with HU all the way, with most contrast in soft tissue and enough in lung", () => {
    const steps = [-1024, -850, -500, -160, -50, 40, 60, 240, 700, 1500];
    const tones = steps.map((hu) => tone(hu, "hu"));
    assert.deepEqual(
      tones,
      tones.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(tones).size, tones.length);
    assert.ok(tone(60, "hu") - tone(40, "hu") > 0.025, "liver and spleen");
    assert.ok(tone(-500, "hu") - tone(-850, "hu") > 0.1, "consolidated and aerated lung");
    assert.deepEqual([tone(-3000, "hu"), tone(-1024, "hu"), tone(1500, "hu"), tone(30_000, "hu")], [0, 0, 1, 1]);
  });

  it("of PET are SUV 0 to 6, as in the images that the network learned from", () => {
    assert.deepEqual(
      [tone(-1, "suv"), tone(0, "suv"), tone(3, "suv"), tone(6, "suv"), tone(40, "suv")],
      [0, 0, 0.5, 1, 1],
    );
  });

  it("of a display image are its grey levels", () => {
    assert.deepEqual([tone(0, "display"), tone(255, "display")], [0, 1]);
    assert.ok(Math.abs(tone(51, "display") - 0.2) < 1e-6);
  });

  it("of a relative image do not depend on the scanner's unit and offset, nor on a few hot pixels", () => {
    const body = (row: number, column: number): number =>
      Math.hypot(row - 100, column - 100) < 60 ? 300 + row + column : 0;
    const plain = toNetworkInput(image(200, 200, body, "relative"));
    const scaled = toNetworkInput(image(200, 200, (row, column) => 7.5 * body(row, column) + 1000, "relative"));
    const hot = toNetworkInput(
      image(
        200,
        200,
        (row, column) => (row === 100 && column < 103 && column > 97 ? 60_000 : body(row, column)),
        "relative",
      ),
    );
    const difference = (other: Float32Array): number =>
      plain.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? 0))), 0);
    assert.ok(difference(scaled) < 1e-5);
    const changed = plain.filter((value, at) => Math.abs(value - (hot[at] ?? 0)) > 0.02).length;
    assert.ok(changed < 50, `${changed} pixels changed`);
  });

  it("of a relative image are measured on the foreground: more air around it changes little", () => {
    const body =
      (half: number) =>
      (row: number, column: number): number =>
        Math.abs(row - half) < 40 && Math.abs(column - half) < 40 ? 100 + ((row * 31 + column * 17) % 200) : 0;
    const brightest = (half: number): number =>
      Math.max(...toPreview(image(2 * half, 2 * half, body(half), "relative"), 2 * half).values);
    const mean = (half: number): number => {
      const foreground = toPreview(image(2 * half, 2 * half, body(half), "relative"), 2 * half).values.filter(
        (value) => value > 20,
      );
      return foreground.reduce((sum, value) => sum + value, 0) / foreground.length;
    };
    assert.equal(brightest(50), 255);
    assert.ok(Math.abs(mean(50) - mean(200)) < 3, `${mean(50)} and ${mean(200)}`);
  });

  it("that are not numbers are background", () => {
    for (const scale of ["hu", "suv", "relative", "display"] as const) {
      const half = image(size, size, (row, column) => (column < size / 2 ? Number.NaN : row + 50), scale);
      const input = toNetworkInput(half);
      assert.equal(input[0], 0, scale);
      assert.ok(
        input.every((value) => value >= 0 && value <= 1),
        scale,
      );
    }
  });

  it("of a constant relative image are 0, not a division by nothing", () => {
    assert.ok(toNetworkInput(image(8, 8, () => 7, "relative")).every((value) => value === 0));
  });
});

describe("the network's input", () => {
  it("is the image itself where it has that size", () => {
    const original = image(size, size, (row, column) => (row * 7 + column * 13) % 256, "display");
    assert.deepEqual(
      toNetworkInput(original),
      original.values.map((value) => value / 255),
    );
  });

  it("keeps the shape: a wide image lies in the middle, black above and below", () => {
    const input = toNetworkInput(image(100, 400, () => 255, "display"));
    const rowSum = (row: number): number =>
      input.subarray(row * size, (row + 1) * size).reduce((sum, value) => sum + value, 0);
    assert.equal(rowSum(0), 0);
    assert.equal(rowSum(size - 1), 0);
    assert.ok(Math.abs(rowSum(size / 2) - size) < 1e-3);
    const filled = Array.from({ length: size }, (_, row) => row).filter((row) => rowSum(row) > 0).length;
    assert.equal(filled, size / 4);
  });

  it("takes pixels that are not square for what they are", () => {
    const anisotropic = { ...image(50, 200, () => 255, "display"), pixelAspectRatio: 4 };
    assert.ok(toNetworkInput(anisotropic).every((value) => Math.abs(value - 1) < 1e-5));
  });

  it("averages when it makes smaller, so that fine patterns become grey instead of noise", () => {
    const input = toNetworkInput(image(size * 4, size * 4, (row, column) => ((row + column) % 2) * 255, "display"));
    const inner = input[(size * size) / 2 + size / 2] ?? 0;
    assert.ok(Math.abs(inner - 0.5) < 1e-3, `${inner}`);
  });

  it("keeps a ramp a ramp, made smaller or larger", () => {
    for (const side of [size / 4, size * 3]) {
      const input = toNetworkInput(image(side, side, (_, column) => (column / (side - 1)) * 255, "display"));
      const line = input.subarray((size * size) / 2, (size * size) / 2 + size);
      for (let at = 1; at < size; at++) assert.ok((line[at] ?? 0) >= (line[at - 1] ?? 0) - 1e-6, `${side} at ${at}`);
      assert.ok(Math.abs((line[size / 2] ?? 0) - 0.5) < 0.01);
    }
  });

  it("is of the same bits each time, and leaves the image as it was", () => {
    const original = image(
      333,
      417,
      (row, column) => Math.sin(row * 0.37) * 900 + Math.cos(column * 0.11) * 700,
      "relative",
    );
    const before = original.values.slice();
    assert.deepEqual(toNetworkInput(original), toNetworkInput(original));
    assert.deepEqual(original.values, before);
  });

  it("exists for one row, one column and one pixel", () => {
    for (const [rows, columns] of [
      [1, 1],
      [1, 1000],
      [1000, 1],
    ] as const) {
      const input = toNetworkInput(image(rows, columns, (row, column) => row + column, "display"));
      assert.ok(input.every(Number.isFinite));
    }
  });
});

describe("the preview", () => {
  it("has the longest side asked for, the image's shape, and is never larger than the image", () => {
    const preview = toPreview(
      image(300, 600, () => 128, "display"),
      128,
    );
    assert.deepEqual([preview.rows, preview.columns, preview.values.length], [64, 128, 64 * 128]);
    assert.ok(preview.values.every((value) => value === 128));
    const small = toPreview(
      image(20, 10, () => 128, "display"),
      128,
    );
    assert.deepEqual([small.rows, small.columns], [20, 10]);
  });
});
