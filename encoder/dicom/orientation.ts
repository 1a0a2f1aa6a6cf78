/**
 * Brings a grey image to the orientation that a radiologist expects of its plane (PS3.3 C.7.6.2.1.1, C.7.6.1.1.1), by
 * flips and quarter turns alone: no pixel is resampled. The stored frame stays as it is stored.
 */
import type { GreyImage } from "../pixels/index.js";
import type { Dataset } from "./dataset.js";
import { frameNumbers } from "./functional-groups.js";

/** In the patient's axes: to the left, to the back, to the head. */
type Vector = readonly [number, number, number];

/** What brings the stored image into place: first the turn over its diagonal, then the flips. */
export interface Reorientation {
  readonly transpose: boolean;
  readonly flipColumns: boolean;
  readonly flipRows: boolean;
}

const LEFT: Vector = [1, 0, 0];
const BACK: Vector = [0, 1, 0];
const FEET: Vector = [0, 0, -1];

/** Where the columns and the rows of the common orientation run, by the axis that the plane is across. */
const COMMON = [
  { columns: BACK, rows: FEET }, // sagittal: anterior on the left
  { columns: LEFT, rows: FEET }, // coronal
  { columns: LEFT, rows: BACK }, // axial
] as const;

const DIRECTIONS: Readonly<Record<string, Vector>> = {
  L: LEFT,
  R: [-1, 0, 0],
  P: BACK,
  A: [0, -1, 0],
  F: FEET,
  H: [0, 0, 1],
};

/** undefined where the header does not tell, or the image lies as it should. */
export function readReorientation(
  dataset: Dataset,
  modality: string | undefined,
  index: number,
): Reorientation | undefined {
  const directions = statedDirections(dataset, index) ?? namedDirections(dataset, modality);
  return directions && reorientationOf(directions.columns, directions.rows);
}

export function reorient(image: GreyImage, how: Reorientation | undefined): GreyImage {
  if (how === undefined) return image;
  const { transpose, flipColumns, flipRows } = how;
  const rows = transpose ? image.columns : image.rows;
  const columns = transpose ? image.rows : image.columns;
  const values = new Float32Array(image.values.length);
  // How far apart neighbours of the new row, and of the new column, are in the stored image.
  const along = (transpose ? image.columns : 1) * (flipColumns ? -1 : 1);
  const down = (transpose ? 1 : image.columns) * (flipRows ? -1 : 1);
  const start = (flipColumns ? -along * (columns - 1) : 0) + (flipRows ? -down * (rows - 1) : 0);
  for (let row = 0; row < rows; row++) {
    let from = start + row * down;
    for (let at = row * columns; at < (row + 1) * columns; at++, from += along) values[at] = image.values[from] ?? 0;
  }
  const { pixelAspectRatio } = image;
  const turnedRatio = transpose && pixelAspectRatio !== undefined ? 1 / pixelAspectRatio : pixelAspectRatio;
  return { ...image, rows, columns, values, ...(turnedRatio === undefined ? {} : { pixelAspectRatio: turnedRatio }) };
}

interface Directions {
  readonly columns: Vector;
  readonly rows: Vector;
}

function statedDirections(dataset: Dataset, index: number): Directions | undefined {
  const cosines = frameNumbers(dataset, index, "PlaneOrientationSequence", "ImageOrientationPatient");
  if (cosines.length !== 6) return undefined;
  const [ax = 0, ay = 0, az = 0, bx = 0, by = 0, bz = 0] = cosines;
  return { columns: [ax, ay, az], rows: [bx, by, bz] };
}

/**
 * Patient Orientation, where there is nothing better: "L\P", or "A\FR" with the lesser directions after the first.
 * A mammogram is hung by the breast's side, not by the plane, so it stays as it is.
 */
function namedDirections(dataset: Dataset, modality: string | undefined): Directions | undefined {
  if (modality === "MG" || !dataset.isAsItShould("PatientOrientation")) return undefined;
  const [columns, rows] = dataset.strings("PatientOrientation").map(namedDirection);
  return columns && rows && { columns, rows };
}

function namedDirection(letters: string): Vector | undefined {
  if (!/^[LRPAFH]{1,3}$/.test(letters)) return undefined;
  const sum: [number, number, number] = [0, 0, 0];
  [...letters].forEach((letter, place) => {
    DIRECTIONS[letter]?.forEach((part, axis) => {
      sum[axis as 0 | 1 | 2] += part / 2 ** place;
    });
  });
  return sum;
}

function reorientationOf(columns: Vector, rows: Vector): Reorientation | undefined {
  const normal = cross(columns, rows).map(Math.abs);
  const largest = Math.max(...normal);
  // Directions that do not span a plane, zeros among them, tell nothing.
  if (!(largest > 0.1 * Math.hypot(...columns) * Math.hypot(...rows))) return undefined;
  const common = COMMON[normal.indexOf(largest)];
  if (common === undefined) return undefined;
  const asStored = Math.abs(dot(columns, common.columns)) + Math.abs(dot(rows, common.rows));
  const turned = Math.abs(dot(columns, common.rows)) + Math.abs(dot(rows, common.columns));
  const transpose = turned > asStored;
  const flipColumns = dot(transpose ? rows : columns, common.columns) < 0;
  const flipRows = dot(transpose ? columns : rows, common.rows) < 0;
  return transpose || flipColumns || flipRows ? { transpose, flipColumns, flipRows } : undefined;
}

function cross([ax, ay, az]: Vector, [bx, by, bz]: Vector): Vector {
  return [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
