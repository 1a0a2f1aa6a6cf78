/** Where a frame lies in the patient (PS3.3 C.7.6.2.1.1), from its own functional group, the shared one or the dataset. */
import type { Dataset } from "./dataset.js";
import { frameNumbers } from "./functional-groups.js";

export interface Plane {
  /** Image Orientation (Patient): direction cosines of a row and of a column. */
  readonly orientation: readonly number[];
  /** Distance from the origin along the slice's normal, to the µm. */
  readonly positionMm: number;
}

/** undefined where the file does not tell. */
export function readPlane(dataset: Dataset, index: number): Plane | undefined {
  const position = frameNumbers(dataset, index, "PlanePositionSequence", "ImagePositionPatient");
  const orientation = frameNumbers(dataset, index, "PlaneOrientationSequence", "ImageOrientationPatient");
  if (position.length !== 3 || orientation.length !== 6) return undefined;
  const [rx = 0, ry = 0, rz = 0, cx = 0, cy = 0, cz = 0] = orientation;
  const [x = 0, y = 0, z = 0] = position;
  const along = x * (ry * cz - rz * cy) + y * (rz * cx - rx * cz) + z * (rx * cy - ry * cx);
  return { orientation, positionMm: Math.round(along * 1000) / 1000 };
}
