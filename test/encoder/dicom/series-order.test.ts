/** A series in the order of its slices in space, whatever its files and instance numbers say. */
import assert from "node:assert/strict";
import { openDicom, type SeriesFrame, seriesInSpatialOrder } from "../../../encoder/dicom/index.js";
import { describeWithSharedData, readShared } from "./shared-data.js";

const AXIAL = [1, 0, 0, 0, 1, 0];
const SAGITTAL = [0, 1, 0, 0, 0, -1];

const slice = (positionMm: number, changes: Partial<SeriesFrame> = {}, orientation = AXIAL): SeriesFrame => ({
  path: `${positionMm}.dcm`,
  frame: 1,
  seriesInstanceUid: "1.2",
  plane: { orientation, positionMm },
  ...changes,
});

/** The one stack of the one series. */
function stackOf(frames: readonly SeriesFrame[]) {
  const [series, ...others] = seriesInSpatialOrder(frames);
  assert.deepEqual(others, []);
  const [stack, ...more] = series?.stacks ?? [];
  assert.ok(stack !== undefined);
  assert.deepEqual(more, []);
  return stack;
}

describe("a series in spatial order", () => {
  it("runs along the normal, against its instance numbers", () => {
    const frames = [4, -2, 10, 0, 2, 6, 8].map((mm, index) => slice(mm, { instanceNumber: 7 - index }));
    const { slices, spacingMm, gaps, repeated } = stackOf(frames);
    assert.deepEqual(
      slices.map(({ positionMm }) => positionMm),
      [-2, 0, 2, 4, 6, 8, 10],
    );
    assert.equal(slices[0]?.instanceNumber, 6);
    assert.deepEqual([spacingMm, gaps, repeated], [2, [], []]);
  });

  it("tells how many slices are missing where, and which are there twice", () => {
    const { gaps, repeated, slices } = stackOf([0, 3, 6, 15, 18, 18.004, 21].map((mm) => slice(mm)));
    assert.deepEqual(gaps, [{ fromMm: 6, toMm: 15, missing: 2 }]);
    assert.deepEqual(repeated, [{ positionMm: 18, frames: 2 }]);
    assert.equal(slices.length, 7);
  });

  it("does not take uneven spacing for a gap, nor a lone slice or two for a series with one", () => {
    assert.deepEqual(stackOf([0, 3, 6.2, 9, 13].map((mm) => slice(mm))).gaps, []);
    assert.deepEqual(stackOf([slice(0), slice(40)]).gaps, []);
    assert.equal(stackOf([slice(5)]).spacingMm, undefined);
  });

  it("keeps directions, spaces and series apart, and what has no place", () => {
    const nearly = [1, 0.000_2, 0, 0, 0.999_9, 0];
    const series = seriesInSpatialOrder([
      slice(1),
      slice(2, {}, SAGITTAL),
      slice(3, {}, nearly),
      slice(4, { frameOfReferenceUid: "1.9" }),
      slice(5, { plane: undefined }),
      slice(6, { seriesInstanceUid: "1.3", modality: "CT" }),
    ]);
    const positions = series.map(({ stacks }) => stacks.map(({ slices }) => slices.map((one) => one.positionMm)));
    assert.deepEqual(positions, [[[1, 3], [2], [4]], [[6]]]);
    assert.deepEqual(
      series.map(({ unplaced }) => unplaced),
      [[{ path: "5.dcm", frame: 1 }], []],
    );
    assert.equal(series[1]?.modality, "CT");
  });
});

describeWithSharedData("a real series in spatial order", () => {
  const framesOf = (path: string): SeriesFrame[] => {
    const instance = openDicom(readShared(path));
    const { seriesInstanceUid, instanceNumber } = instance.attributes();
    return Array.from({ length: instance.frames }, (_, index) => ({
      ...{ path, frame: index + 1, seriesInstanceUid, instanceNumber, plane: instance.plane(index + 1) },
    }));
  };

  it("has its later instance before its earlier one where it was stored so", () => {
    const folder = "neurolabusc+dcm_qa_toshiba/FA191122/MR_DTI_AX_30d-.89.8007";
    const { slices } = stackOf(["0063.dcm", "0457.dcm"].flatMap((name) => framesOf(`${folder}/${name}`)));
    assert.deepEqual(
      slices.map(({ instanceNumber }) => instanceNumber),
      [457, 63],
    );
  });
});
