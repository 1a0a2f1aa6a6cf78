/**
 * Grey image → what the network sees. Serving and training both come through here; a change of any step in this
 * folder is a change of the network's input, so it needs a new `version` (part of the model digest) and new weights.
 */
import type { GreyImage } from "./grey-image.js";
import { toUnitRange } from "./intensity.js";
import { resize } from "./resize.js";

/** The input is 1 × size × size, float32 in [0, 1]. */
export const NETWORK_INPUT: { readonly size: number; readonly version: string } = { size: 256, version: "2" };

/**
 * Intensities to [0, 1] (step 9 of `encoder/dicom/grey-frame.ts`), then the whole image fitted into the square with
 * its shape kept, in the middle, the rest black as the background of an image is (step 10).
 */
export function toNetworkInput(image: GreyImage, size = NETWORK_INPUT.size): Float32Array {
  const fitted = fittedSize(image, size);
  const unit = resize(toUnitRange(image), image.rows, image.columns, fitted.rows, fitted.columns);
  const input = new Float32Array(size * size);
  const top = (size - fitted.rows) >> 1;
  const left = (size - fitted.columns) >> 1;
  for (let row = 0; row < fitted.rows; row++) {
    input.set(unit.subarray(row * fitted.columns, (row + 1) * fitted.columns), (top + row) * size + left);
  }
  return input;
}

/** The same intensities as the network sees, as 8-bit grey with its longest side at most `longestSide`; never enlarged. */
export function toPreview(
  image: GreyImage,
  longestSide: number,
): { readonly rows: number; readonly columns: number; readonly values: Uint8Array } {
  const { rows, columns } = fittedSize(image, Math.min(longestSide, Math.max(image.rows, image.columns)));
  const unit = resize(toUnitRange(image), image.rows, image.columns, rows, columns);
  const values = new Uint8Array(unit.length);
  // A loop, because Uint8Array.from with a function took a sixth of all decoding time.
  for (let index = 0; index < unit.length; index++) values[index] = Math.round((unit[index] ?? 0) * 255);
  return { rows, columns, values };
}

/** Size in pixels of the image whose longest side, as it looks with square pixels, is `longestSide`. */
function fittedSize(image: GreyImage, longestSide: number): { rows: number; columns: number } {
  const height = image.rows * (image.pixelAspectRatio ?? 1);
  const scale = longestSide / Math.max(height, image.columns);
  return {
    rows: Math.max(1, Math.round(height * scale)),
    columns: Math.max(1, Math.round(image.columns * scale)),
  };
}
