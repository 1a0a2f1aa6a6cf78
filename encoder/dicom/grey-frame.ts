/**
 * Stored values → grey values with their physical meaning. All steps from the file to the network, in order:
 *
 *  1. Frame's bytes by position or offset table, decoded                     PS3.5 8, A.4; `frames.ts`, `stored-frame.ts`
 *  2. Value bits below the high bit, sign extended, overlays masked          PS3.5 8.1.1; `native-pixels.ts`
 *  3. Colour to luma, palettes followed                                      PS3.3 C.7.6.3.1.2, C.7.6.3.1.5; `colour.ts`
 *  4. Padding marked as background, in stored values                         PS3.3 C.7.5.1.1.2
 *  5. Modality LUT, or rescale slope and intercept, of this frame            PS3.3 C.11.1, C.7.6.16.2.9
 *  6. Physical scale: HU for CT, body-weight SUV for PET, else relative      PS3.3 C.8.2.1, C.8.9.1; `pet-suv.ts`
 *  7. MONOCHROME1 turned over, where the scale is not a physical one         PS3.3 C.7.6.3.1.2
 *  8. Flipped and turned into the common orientation of its plane            PS3.3 C.7.6.2.1.1, C.7.6.1.1.1; `orientation.ts`
 *  9. Intensities to [0, 1], by scale                                        `pixels/intensity.ts`
 * 10. Fitted into the network's square with its shape kept (aspect ratio)    PS3.3 C.7.6.3.1.7; `pixels/network-input.ts`
 *
 * The VOI window is not applied: it is the reader's choice of the day, and differs between images of one kind.
 */
import { DafhError } from "../../schemas/index.js";
import type { GreyImage, IntensityScale } from "../pixels/index.js";
import { firstSample, luma, paletteLuma } from "./colour.js";
import type { Dataset } from "./dataset.js";
import { tagOf } from "./dictionary.js";
import { frameNumbers, frameString } from "./functional-groups.js";
import type { ImageDescription } from "./image-description.js";
import { type ModalityTransform, readModalityTransform } from "./modality-transform.js";
import { type Reorientation, readReorientation, reorient } from "./orientation.js";
import { suvFactor } from "./pet-suv.js";
import type { StoredFrame } from "./stored-frame.js";

/** What a frame's values become in steps 5 to 8. */
export interface PixelMeaning {
  readonly scale: IntensityScale;
  /** As the payload says it. */
  readonly units: "HU" | "SUV" | "normalised" | "display";
  /** Why a CT or PET image has no physical scale. */
  readonly notQuantitative?: string;
  readonly transform: ModalityTransform;
  /** Multiplied after the transform; the SUV factor. */
  readonly factor: number;
  /** Step 8; undefined where the image lies as it should or the header does not tell. */
  readonly reorientation: Reorientation | undefined;
}

/** @throws DafhError ATTRIBUTE_INVALID where the rescale values make no sense */
export function readPixelMeaning(
  dataset: Dataset,
  image: ImageDescription,
  modality: string | undefined,
  index: number,
): PixelMeaning {
  const transform = readModalityTransform(dataset, image, index);
  const reorientation = readReorientation(dataset, modality, index);
  const relative = { scale: "relative", units: "normalised", transform, factor: 1, reorientation } as const;
  if (image.samplesPerPixel === 3 || image.photometricInterpretation === "PALETTE COLOR") {
    return { ...relative, scale: "display", units: "display" };
  }
  switch (modality) {
    case "CT": {
      const reason = whyNotHounsfield(dataset, transform, index);
      return reason === undefined
        ? { ...relative, scale: "hu", units: "HU" }
        : { ...relative, notQuantitative: reason };
    }
    case "PT": {
      const units = dataset.string("Units") ?? rescaleType(dataset, index);
      const suv = suvFactor(dataset, units);
      if ("reason" in suv) return { ...relative, notQuantitative: suv.reason };
      return { ...relative, scale: "suv", units: "SUV", factor: suv.factor };
    }
    case "MR":
    case "NM":
      return relative;
    default:
      return image.bitsStored <= 8 ? { ...relative, scale: "display", units: "display" } : relative;
  }
}

/** Steps 3 to 8. @throws DafhError IMAGE_CONSTANT, ATTRIBUTE_MISSING, ATTRIBUTE_INVALID or UNSUPPORTED_PIXEL_FORMAT */
export function toGreyImage(
  stored: StoredFrame,
  dataset: Dataset,
  image: ImageDescription,
  meaning: PixelMeaning,
  index: number,
): GreyImage {
  const values = storedGrey(stored, dataset, image);
  if (image.samplesPerPixel === 1 && image.photometricInterpretation !== "PALETTE COLOR") {
    markPadding(values, dataset, image);
    const { transform, factor } = meaning;
    for (let at = 0; at < values.length; at++) values[at] = transform.apply(values[at] ?? 0) * factor;
  }
  const { low, high } = range(values);
  if (!(high > low)) throw new DafhError("IMAGE_CONSTANT", "every pixel has the same value");
  if (image.photometricInterpretation === "MONOCHROME1" && meaning.scale !== "hu" && meaning.scale !== "suv") {
    // A display image is turned over in the whole of its range, a relative one in its own.
    const sum = meaning.scale === "display" ? 255 : low + high;
    for (let at = 0; at < values.length; at++) values[at] = sum - (values[at] ?? 0);
  }
  const pixelAspectRatio = aspectRatio(dataset, index);
  const grey: GreyImage = {
    rows: image.rows,
    columns: image.columns,
    values,
    scale: meaning.scale,
    ...(pixelAspectRatio === undefined ? {} : { pixelAspectRatio }),
  };
  return reorient(grey, meaning.reorientation);
}

function storedGrey(stored: StoredFrame, dataset: Dataset, image: ImageDescription): Float32Array {
  const photometric = image.photometricInterpretation;
  if (image.samplesPerPixel === 1) {
    if (photometric === "PALETTE COLOR") return paletteLuma(stored, dataset);
    return new Float32Array(stored.values);
  }
  switch (photometric) {
    case "RGB":
    case "YBR_RCT":
    case "YBR_ICT":
      return luma(stored, image.bitsStored);
    case "YBR_FULL":
    case "YBR_FULL_422":
      return firstSample(stored, image.bitsStored);
    default:
      throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", "the photometric interpretation cannot be turned into grey", {
        tag: tagOf("PhotometricInterpretation"),
      });
  }
}

function whyNotHounsfield(dataset: Dataset, transform: ModalityTransform, index: number): string | undefined {
  const type = rescaleType(dataset, index);
  if (type !== undefined && type !== "HU") return "Rescale Type is not HU";
  if (transform.kind !== "rescale") return "Rescale Slope and Intercept are missing";
  return dataset.strings("ImageType")[2] === "LOCALIZER" ? "a localizer has no Hounsfield units" : undefined;
}

function rescaleType(dataset: Dataset, index: number): string | undefined {
  return frameString(dataset, index, "PixelValueTransformationSequence", "RescaleType")?.toUpperCase();
}

/** The padding value, or the range up to its limit, in the stored values' own bits whatever representation it is written in. */
function markPadding(values: Float32Array, dataset: Dataset, image: ImageDescription): void {
  const padding = dataset.number("PixelPaddingValue");
  if (padding === undefined) return;
  const asStored = (value: number): number => {
    const unused = 32 - image.bitsAllocated;
    return image.signed ? (value << unused) >> unused : (value << unused) >>> unused;
  };
  const first = asStored(padding);
  const limit = asStored(dataset.number("PixelPaddingRangeLimit") ?? padding);
  const [low, high] = first <= limit ? [first, limit] : [limit, first];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    if (value >= low && value <= high) values[at] = Number.NaN;
  }
}

function range(values: Float32Array): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/** Height over width of a pixel, where the file says that it is not square. */
function aspectRatio(dataset: Dataset, index: number): number | undefined {
  const spacing = frameNumbers(dataset, index, "PixelMeasuresSequence", "PixelSpacing");
  const [vertical, horizontal] = spacing.length === 2 ? spacing : dataset.numbers("PixelAspectRatio");
  if (vertical === undefined || horizontal === undefined || vertical <= 0 || horizontal <= 0) return undefined;
  const ratio = vertical / horizontal;
  // Beyond ten to one the file is wrong rather than the pixel so long.
  return ratio !== 1 && ratio >= 0.1 && ratio <= 10 ? ratio : undefined;
}
