/**
 * What the decoder saw of one frame: statistics of the stored values, their physical meaning, the attributes. The
 * command `dafh inspect` prints it; the path is added by whoever knows it.
 */
import { DafhError, type ErrorBody, type InstanceAttributes } from "../../schemas/index.js";
import type { GreyImage } from "../pixels/index.js";
import type { PixelMeaning } from "./grey-frame.js";
import type { ImageDescription } from "./image-description.js";
import type { StoredValues } from "./native-pixels.js";
import type { PixelSpacing } from "./pixel-spacing.js";
import type { StoredFrame } from "./stored-frame.js";

interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

export interface Inspection {
  readonly frame: number;
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometricInterpretation: string;
  readonly bitsStored: number;
  readonly signed: boolean;
  readonly transferSyntaxUid: string;
  /** `sha256`: of the values as int32 little endian, row-major, the samples of a pixel together. */
  readonly stored: Statistics & { readonly sha256: string };
  readonly units: string;
  /** In `units`, padding left out; absent where the frame cannot be compared (then `notComparable` says why). */
  readonly physical?: Statistics;
  /** Which attribute `pixelSpacingMm` comes from, and where that was measured. */
  readonly pixelSpacingSource?: string;
  readonly notQuantitative?: string;
  readonly notComparable?: ErrorBody;
  readonly attributes: InstanceAttributes;
  readonly warnings: readonly string[];
}

export function inspectFrame(seen: {
  readonly frame: number;
  readonly stored: StoredFrame;
  readonly sha256: string;
  readonly image: ImageDescription;
  readonly meaning: () => PixelMeaning;
  readonly grey: () => GreyImage;
  readonly transferSyntaxUid: string;
  readonly pixelSpacing: PixelSpacing | undefined;
  readonly attributes: (units: string) => InstanceAttributes;
  readonly warnings: readonly string[];
}): Inspection {
  const { image, stored } = seen;
  const meaning = attempt(seen.meaning);
  const grey = "value" in meaning ? attempt(seen.grey) : meaning;
  const units = "value" in meaning ? meaning.value.units : "normalised";
  const reason = "value" in meaning ? meaning.value.notQuantitative : undefined;
  return {
    frame: seen.frame,
    frames: image.frames,
    rows: stored.rows,
    columns: stored.columns,
    samplesPerPixel: stored.samplesPerPixel,
    photometricInterpretation: image.photometricInterpretation,
    bitsStored: image.bitsStored,
    signed: image.signed,
    transferSyntaxUid: seen.transferSyntaxUid,
    stored: { ...statistics(stored.values), sha256: seen.sha256 },
    units,
    ...("value" in grey ? { physical: statistics(grey.value.values) } : { notComparable: grey.refusal }),
    ...(seen.pixelSpacing === undefined ? {} : { pixelSpacingSource: seen.pixelSpacing.source }),
    ...(reason === undefined ? {} : { notQuantitative: reason }),
    attributes: seen.attributes(units),
    warnings: seen.warnings,
  };
}

function statistics(values: StoredValues | Float32Array): Statistics {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (Number.isNaN(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    count++;
  }
  return { min, max, mean: sum / count };
}

function attempt<Value>(act: () => Value): { readonly value: Value } | { readonly refusal: ErrorBody } {
  try {
    return { value: act() };
  } catch (error) {
    if (!(error instanceof DafhError)) throw error;
    return { refusal: error.toBody() };
  }
}
