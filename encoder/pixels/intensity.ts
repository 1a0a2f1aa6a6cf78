/**
 * Intensities to [0, 1], one monotone rule for each scale, so that images of different scanners and of the labelled
 * training set look alike. Only sums, products and quotients: the same bits on every machine.
 */
import type { GreyImage } from "./grey-image.js";
import { percentileInPlace } from "./percentile.js";

/**
 * HU → [0, 1], straight between the knots. One window cannot show lung and soft tissue at once, so the curve gives
 * air and lung (−1024 to −160) 30 % of the range, soft tissue (−160 to 240, the usual abdominal window) 55 %, and
 * bone and contrast agent the rest. Both the lung and the abdominal windows of the training images keep their order.
 */
const HU_CURVE: readonly { readonly hu: number; readonly tone: number }[] = [
  { hu: -1024, tone: 0 },
  { hu: -160, tone: 0.3 },
  { hu: 240, tone: 0.85 },
  { hu: 1500, tone: 1 },
];

/** SUV that becomes 1: what the PET images of the training set were made with. */
const SUV_WHITE = 6;

/** The darkest and brightest half per cent of a relative image carry no order: noise, vessels, coil hot spots. */
const DARK_FRACTION = 0.005;
const BRIGHT_FRACTION = 0.995;

/** A relative image's background: what lies in the lowest 5 % between its dark and bright percentiles. Air around the head must not decide how bright the head is. */
const BACKGROUND_PART = 0.05;

/** Same length as `image.values`, each in [0, 1]. */
export function toUnitRange(image: GreyImage): Float32Array {
  switch (image.scale) {
    case "hu":
      return map(image.values, huTone);
    case "suv":
      return map(image.values, (suv) => suv / SUV_WHITE);
    case "display":
      return map(image.values, (value) => value / 255);
    case "relative": {
      const { dark, bright } = relativeRange(image.values);
      const span = bright - dark;
      return span > 0 ? map(image.values, (value) => (value - dark) / span) : new Float32Array(image.values.length);
    }
  }
}

function map(values: Float32Array, tone: (value: number) => number): Float32Array {
  const unit = new Float32Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const mapped = tone(values[index] ?? 0);
    // Written so that NaN becomes 0.
    unit[index] = mapped > 0 ? Math.min(mapped, 1) : 0;
  }
  return unit;
}

function huTone(hu: number): number {
  let below = HU_CURVE[0];
  for (const knot of HU_CURVE) {
    if (below !== undefined && hu < knot.hu) {
      const span = knot.hu - below.hu;
      return span > 0 ? below.tone + ((hu - below.hu) / span) * (knot.tone - below.tone) : 0;
    }
    below = knot;
  }
  return Number.isNaN(hu) ? 0 : 1;
}

/** The values that become 0 and 1: percentiles, the bright one over the foreground only. */
function relativeRange(values: Float32Array): { dark: number; bright: number } {
  const finite = above(values, Number.NEGATIVE_INFINITY);
  if (finite.length === 0) return { dark: 0, bright: 0 };
  const dark = percentileInPlace(finite, DARK_FRACTION);
  const brightOfAll = percentileInPlace(finite, BRIGHT_FRACTION);
  const foreground = above(finite, dark + BACKGROUND_PART * (brightOfAll - dark));
  if (foreground.length === 0) return { dark, bright: brightOfAll };
  return { dark, bright: percentileInPlace(foreground, BRIGHT_FRACTION) };
}

/** The finite values greater than `threshold`, copied. */
function above(values: Float32Array, threshold: number): Float32Array {
  const kept = new Float32Array(values.length);
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (value > threshold && value < Number.POSITIVE_INFINITY) kept[count++] = value;
  }
  return kept.subarray(0, count);
}
