/** What `dafh inspect` shows of a file: `encoder/dicom`'s view of a DICOM frame, and as much of it as a PNG or JPEG has. */
import type { Inspection as DicomInspection } from "../dicom/index.js";
import type { GreyImage } from "../pixels/index.js";
import { int32Sha256 } from "./digests.js";

type OfAnyImage =
  | "frame"
  | "frames"
  | "rows"
  | "columns"
  | "samplesPerPixel"
  | "stored"
  | "units"
  | "attributes"
  | "warnings";

/** The rest is there for DICOM only. */
export type Inspection = Pick<DicomInspection, OfAnyImage> & Partial<Omit<DicomInspection, OfAnyImage>>;

/** @param storedValues the image's grey values as whole numbers */
export function inspectImage({ rows, columns }: GreyImage, storedValues: Int32Array): Inspection {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of storedValues) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return {
    frame: 1,
    frames: 1,
    rows,
    columns,
    samplesPerPixel: 1,
    stored: { min, max, mean: sum / storedValues.length, sha256: int32Sha256(storedValues) },
    units: "display",
    attributes: { rows, columns },
    warnings: [],
  };
}
