/** The grey frame lies in the common orientation of its plane, however it is stored; the stored frame stays as it is. */
import assert from "node:assert/strict";
import { openDicom } from "../../../encoder/dicom/index.js";
import { SMALL_IMAGE, type WrittenDataset, writeFile } from "./written.js";

const opened = (more: WrittenDataset) => openDicom(writeFile({ ...SMALL_IMAGE, ...more }));
const lines = (more: WrittenDataset): number[][] => {
  const { rows, columns, values } = opened(more).greyFrame(1);
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * columns, (row + 1) * columns)]);
};

const STORED = [
  [0, 100, 200, 300],
  [400, 500, 600, 700],
  [800, 900, 1000, 1100],
];
const mirrored = (image: number[][]) => image.map((row) => [...row].reverse());
const upsideDown = (image: number[][]) => [...image].reverse();
const transposed = (image: number[][]) => (image[0] ?? []).map((_, column) => image.map((row) => row[column] ?? 0));

describe("orientation", () => {
  const cases: [string, string, number[][]][] = [
    ["axial as it should lie", "1\\0\\0\\0\\1\\0", STORED],
    ["axial, tilted", "0.9\\0.1\\0.1\\-0.1\\0.9\\0.3", STORED],
    ["axial, prone", "-1\\0\\0\\0\\-1\\0", mirrored(upsideDown(STORED))],
    ["axial, mirrored", "-1\\0\\0\\0\\1\\0", mirrored(STORED)],
    ["axial, on its side", "0\\1\\0\\1\\0\\0", transposed(STORED)],
    ["axial, on its other side", "0\\1\\0\\-1\\0\\0", mirrored(transposed(STORED))],
    ["sagittal as it should lie", "0\\1\\0\\0\\0\\-1", STORED],
    ["sagittal, head down, posterior on the left", "0\\-1\\0\\0\\0\\1", mirrored(upsideDown(STORED))],
    ["coronal as it should lie", "1\\0\\0\\0\\0\\-1", STORED],
    ["coronal, head down", "1\\0\\0\\0\\0\\1", upsideDown(STORED)],
    ["without a plane", "0\\0\\0\\0\\0\\0", STORED],
    ["with both directions the same", "1\\0\\0\\1\\0\\0", STORED],
  ];
  for (const [what, directions, expected] of cases) {
    it(`${what}`, () => assert.deepEqual(lines({ ImageOrientationPatient: directions }), expected));
  }

  it("goes by Patient Orientation where there is nothing better, but for mammograms", () => {
    const chest: WrittenDataset = { Modality: "MR", PatientOrientation: "R\\F" };
    assert.deepEqual(lines(chest), mirrored(STORED));
    assert.deepEqual(lines({ PatientOrientation: "PL\\FR" }), STORED);
    assert.deepEqual(lines({ ...chest, Modality: "MG" }), STORED);
    assert.deepEqual(lines({ PatientOrientation: "Z\\F" }), STORED);
    assert.deepEqual(lines({ ...chest, ImageOrientationPatient: "1\\0\\0\\0\\0\\-1" }), STORED);
  });

  it("is of each frame where the frames differ, and turns the shape of a pixel as well", () => {
    const { ImageOrientationPatient: _none, ...rest } = { ...SMALL_IMAGE, ImageOrientationPatient: "" };
    const image = openDicom(
      writeFile({
        ...rest,
        PixelSpacing: "2\\1",
        PerFrameFunctionalGroupsSequence: [
          { PlaneOrientationSequence: [{ ImageOrientationPatient: "0\\1\\0\\1\\0\\0" }] },
        ],
      }),
    );
    const grey = image.greyFrame(1);
    assert.deepEqual([grey.rows, grey.columns, grey.pixelAspectRatio], [4, 3, 0.5]);
    const stored = image.storedFrame(1);
    assert.deepEqual([stored.rows, stored.columns, stored.values[1]], [3, 4, 100]);
  });
});

describe("attributes that are not understood", () => {
  const warnings = (more: WrittenDataset, others: { tag: number; vr: string; bytes: Uint8Array }[] = []) =>
    openDicom(writeFile({ ...SMALL_IMAGE, ...more }, { others })).inspect(1).warnings;

  it("are named in the warnings, without their value; those that are understood are not", () => {
    assert.deepEqual(warnings({ SliceThickness: " 2,5 ", InstanceNumber: "007 ", StudyDate: "2024.02.29" }), []);
    assert.deepEqual(warnings({ SliceThickness: "thick" }), [
      "SliceThickness (0018,0050) is not a number and is left out",
    ]);
    assert.deepEqual(warnings({ StudyDate: "20240231" }), [
      "StudyDate (0008,0020) is not of the form of DA and is left out",
    ]);
    assert.deepEqual(warnings({ PixelSpacing: "0.5" }), ["PixelSpacing (0028,0030) has 1 of 2 values and is left out"]);
    assert.deepEqual(warnings({ SliceThickness: "2\\3" }), [
      "SliceThickness (0018,0050) has 2 values; the first is taken",
    ]);
    const misplaced = { tag: 0x00080070, vr: "OB", bytes: Buffer.from("Jane Doe") };
    assert.deepEqual(warnings({}, [misplaced]), [
      "Manufacturer (0008,0070) is written as OB, not as LO, and is left out",
    ]);
  });
});

describe("geometry", () => {
  it("is each frame's own, and a part of a concatenation says where it begins", () => {
    const at = (z: number) => ({ PlanePositionSequence: [{ ImagePositionPatient: `0\\0\\${z}` }] });
    const image = opened({
      NumberOfFrames: "2",
      PixelData: new Uint8Array(48).fill(1, 0, 5).fill(3, 30, 36),
      ConcatenationUID: "1.2.3",
      ConcatenationFrameOffsetNumber: new Uint8Array([7, 0, 0, 0]),
      SharedFunctionalGroupsSequence: [
        {
          PlaneOrientationSequence: [{ ImageOrientationPatient: "1\\0\\0\\0\\1\\0" }],
          PixelMeasuresSequence: [{ SpacingBetweenSlices: "2.5" }],
        },
      ],
      PerFrameFunctionalGroupsSequence: [at(10), at(12.5)],
    });
    assert.deepEqual([image.slicePositionMm(1), image.slicePositionMm(2)], [10, 12.5]);
    const { spacingBetweenSlicesMm, concatenationUid, concatenationFrameOffset } = image.attributes();
    assert.deepEqual([spacingBetweenSlicesMm, concatenationUid, concatenationFrameOffset], [2.5, "1.2.3", 7]);
  });
});
