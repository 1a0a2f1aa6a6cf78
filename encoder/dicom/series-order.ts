/**
 * A series as it lies in space: its frames in stacks of one direction, each in the order of its slices along their
 * normal (PS3.3 C.7.6.2.1.1), with what is missing from it and what is there twice. Instance numbers play no part: they
 * count what was stored, in whatever order that was.
 */
import type { Plane } from "./plane.js";

/** One frame of one file. */
export interface SeriesFrame {
  readonly path: string;
  /** From 1. */
  readonly frame: number;
  readonly instanceNumber?: number | undefined;
  readonly seriesInstanceUid?: string | undefined;
  readonly frameOfReferenceUid?: string | undefined;
  readonly modality?: string | undefined;
  /** undefined where the file does not tell. */
  readonly plane?: Plane | undefined;
}

interface Slice {
  readonly path: string;
  readonly frame: number;
  readonly instanceNumber?: number;
  /** Along the normal, as the payload's `slicePositionMm`. */
  readonly positionMm: number;
}

export interface Stack {
  readonly imageOrientationPatient: readonly number[];
  readonly slices: readonly Slice[];
  /** From one position to the next, as most of them are; absent where all slices lie at one. */
  readonly spacingMm?: number;
  /** Where so many slices would fit between two neighbours. */
  readonly gaps: readonly { readonly fromMm: number; readonly toMm: number; readonly missing: number }[];
  /** Positions that several frames have: copies, or phases of a series in time. */
  readonly repeated: readonly { readonly positionMm: number; readonly frames: number }[];
}

export interface Series {
  readonly seriesInstanceUid?: string;
  readonly modality?: string;
  readonly stacks: readonly Stack[];
  /** Frames that have no place in space, by file and frame. */
  readonly unplaced: readonly { readonly path: string; readonly frame: number }[];
}

/** Positions are written with a few digits: nearer ones are the same. */
const SAME_POSITION_MM = 0.01;
/** Direction cosines are written with six digits, and differ in the last ones between the slices of one stack. */
const SAME_DIRECTION = 1e-3;
/** A neighbour this many times as far away leaves room for a slice. */
const GAP = 1.5;

/** Series by their first file; the files may come in any order. */
export function seriesInSpatialOrder(frames: Iterable<SeriesFrame>): Series[] {
  const bySeries = new Map<string | undefined, SeriesFrame[]>();
  for (const frame of frames) {
    const known = bySeries.get(frame.seriesInstanceUid);
    if (known === undefined) bySeries.set(frame.seriesInstanceUid, [frame]);
    else known.push(frame);
  }
  return [...bySeries].map(([seriesInstanceUid, ofSeries]) => {
    const modality = ofSeries.find((frame) => frame.modality !== undefined)?.modality;
    return {
      ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
      ...(modality === undefined ? {} : { modality }),
      stacks: stacksOf(ofSeries),
      unplaced: ofSeries.filter(({ plane }) => plane === undefined).map(({ path, frame }) => ({ path, frame })),
    };
  });
}

interface Gathering {
  readonly frameOfReferenceUid: string | undefined;
  readonly orientation: Plane["orientation"];
  readonly slices: Slice[];
}

function stacksOf(frames: readonly SeriesFrame[]): Stack[] {
  const gatherings: Gathering[] = [];
  for (const { path, frame, instanceNumber, frameOfReferenceUid, plane } of frames) {
    if (plane === undefined) continue;
    const { orientation, positionMm } = plane;
    let gathering = gatherings.find(
      (known) => known.frameOfReferenceUid === frameOfReferenceUid && sameDirection(known.orientation, orientation),
    );
    if (gathering === undefined) {
      gathering = { frameOfReferenceUid, orientation, slices: [] };
      gatherings.push(gathering);
    }
    gathering.slices.push({ path, frame, positionMm, ...(instanceNumber === undefined ? {} : { instanceNumber }) });
  }
  return gatherings.map(({ orientation, slices }) => stackOf(orientation, slices));
}

function stackOf(imageOrientationPatient: readonly number[], slices: Slice[]): Stack {
  slices.sort((one, other) => one.positionMm - other.positionMm);
  const positions: { readonly positionMm: number; frames: number }[] = [];
  for (const { positionMm } of slices) {
    const last = positions.at(-1);
    if (last !== undefined && positionMm - last.positionMm < SAME_POSITION_MM) last.frames++;
    else positions.push({ positionMm, frames: 1 });
  }
  const steps = positions.slice(1).map(({ positionMm }, index) => {
    const fromMm = positions[index]?.positionMm ?? positionMm;
    return { fromMm, toMm: positionMm, lengthMm: positionMm - fromMm };
  });
  const spacingMm = median(steps.map(({ lengthMm }) => lengthMm));
  return {
    imageOrientationPatient,
    slices,
    ...(spacingMm === undefined ? {} : { spacingMm }),
    gaps: steps
      .filter(({ lengthMm }) => spacingMm !== undefined && lengthMm > GAP * spacingMm)
      .map(({ fromMm, toMm, lengthMm }) => ({ fromMm, toMm, missing: Math.round(lengthMm / (spacingMm ?? 1)) - 1 })),
    repeated: positions.filter((position) => position.frames > 1),
  };
}

function sameDirection(one: readonly number[], other: readonly number[]): boolean {
  return one.every((cosine, at) => Math.abs(cosine - (other[at] ?? 0)) < SAME_DIRECTION);
}

/** The lower of the middle two: a length that occurs. */
function median(lengths: readonly number[]): number | undefined {
  const middle = lengths.toSorted((one, other) => one - other)[(lengths.length - 1) >> 1];
  return middle === undefined ? undefined : Math.round(middle * 1000) / 1000;
}
