/**
 * How far apart pixels are, and where that was measured (PS3.3 10.7): in the patient where the image is a slice or was
 * calibrated, at the detector of a projection, which shows everything larger than it is, or on a film that was scanned.
 */
import type { Dataset } from "./dataset.js";
import { frameNumbers } from "./functional-groups.js";
import { parseCode } from "./values.js";

export interface PixelSpacing {
  /** Row and column spacing. */
  readonly mm: readonly [number, number];
  /** Which attribute it is, and what is known of it, for people. */
  readonly source: string;
}

export function readPixelSpacing(dataset: Dataset, index: number): PixelSpacing | undefined {
  const stated = pair(frameNumbers(dataset, index, "PixelMeasuresSequence", "PixelSpacing"));
  const imager = pair(frameNumbers(dataset, index, "FramePixelDataPropertiesSequence", "ImagerPixelSpacing"));
  if (stated !== undefined) return { mm: stated, source: `PixelSpacing${ofStated(dataset, stated, imager)}` };
  if (imager !== undefined) return { mm: imager, source: "ImagerPixelSpacing: at the detector" };
  const scanned = pair(dataset.numbers("NominalScannedPixelSpacing"));
  return scanned && { mm: scanned, source: "NominalScannedPixelSpacing: on the film" };
}

/** A projection's Pixel Spacing is calibrated, or else the detector's own once more (PS3.3 10.7.1.2). */
function ofStated(dataset: Dataset, stated: PixelSpacing["mm"], imager: PixelSpacing["mm"] | undefined): string {
  switch (parseCode(dataset.string("PixelSpacingCalibrationType"))) {
    case "GEOMETRY":
      return ": calibrated by the geometry of tube, patient and detector";
    case "FIDUCIAL":
      return ": calibrated by an object of known size";
    default:
      return imager?.every((mm, at) => mm === stated[at]) ? ": at the detector" : "";
  }
}

function pair([row, column, ...others]: readonly number[]): [number, number] | undefined {
  if (row === undefined || column === undefined || others.length > 0) return undefined;
  return row > 0 && column > 0 ? [row, column] : undefined;
}
