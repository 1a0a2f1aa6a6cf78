/** What slices seldom have and projections often: spacing measured elsewhere than in the patient, and modality tables. */
import assert from "node:assert/strict";
import { openDicom } from "../../../encoder/dicom/index.js";
import { refusedWith } from "./refusal.js";
import { describeWithSharedData, readShared } from "./shared-data.js";
import { SMALL_IMAGE, type WrittenDataset, type WrittenOptions, words, writeFile } from "./written.js";

const open = (dataset: WrittenDataset, options?: WrittenOptions) =>
  openDicom(writeFile({ ...SMALL_IMAGE, ...dataset }, options));

describe("the pixel spacing", () => {
  const seen = (dataset: WrittenDataset) => {
    const { attributes, pixelSpacingSource } = open(dataset).inspect(1);
    return [attributes.pixelSpacingMm, pixelSpacingSource];
  };

  it("is Pixel Spacing where there is one, with what is known of it", () => {
    assert.deepEqual(seen({ PixelSpacing: "0.5\\0.6" }), [[0.5, 0.6], "PixelSpacing"]);
    const both = { PixelSpacing: "0.5\\0.5", ImagerPixelSpacing: "0.6\\0.6" };
    assert.deepEqual(seen(both), [[0.5, 0.5], "PixelSpacing"]);
    for (const [type, words] of [
      ["GEOMETRY", /geometry/],
      ["FIDUCIAL", /known size/],
    ] as const) {
      const [spacing, source] = seen({ ...both, PixelSpacingCalibrationType: type });
      assert.deepEqual(spacing, [0.5, 0.5]);
      assert.match(String(source), words);
    }
    assert.match(String(seen({ ...both, ImagerPixelSpacing: "0.5\\0.5" })[1]), /at the detector/);
  });

  it("is the detector's or the scanner's where there is no other", () => {
    const imager = { ImagerPixelSpacing: "0.15\\0.15", NominalScannedPixelSpacing: "0.2\\0.2" };
    assert.deepEqual(seen(imager), [[0.15, 0.15], "ImagerPixelSpacing: at the detector"]);
    assert.deepEqual(seen({ NominalScannedPixelSpacing: "0.2\\0.2" }), [
      [0.2, 0.2],
      "NominalScannedPixelSpacing: on the film",
    ]);
    const frame = { FramePixelDataPropertiesSequence: [{ ImagerPixelSpacing: "0.3\\0.3" }] };
    assert.deepEqual(seen({ PerFrameFunctionalGroupsSequence: [frame] })[0], [0.3, 0.3]);
    assert.deepEqual(seen({ PixelSpacing: "0\\0" }), [undefined, undefined]);
  });

  it("does not change what the network sees", () => {
    const image = open({ ImagerPixelSpacing: "0.2\\0.1", NominalScannedPixelSpacing: "0.2\\0.1" }).greyFrame(1);
    assert.equal(image.pixelAspectRatio, undefined);
  });
});

describeWithSharedData("the pixel spacing of a real projection", () => {
  it("says that it is the detector's own", () => {
    const seen = openDicom(readShared("ImagingDataCommons+highdicom/other/dx_image.dcm")).inspect(1);
    assert.equal(seen.pixelSpacingSource, "PixelSpacing: at the detector");
  });
});

describe("a modality table", () => {
  const stored = Array.from({ length: 12 }, (_, index) => index);
  const mapped = (table: WrittenDataset, options: WrittenOptions = {}) => {
    const PixelData = words(stored, options.littleEndian);
    return [
      ...open({ PixelData, ModalityLUTSequence: [table] }, options)
        .greyFrame(1)
        .values.subarray(0, 7),
    ];
  };
  const expected = [7, 7, 7, 50, 90, 200, 200];
  const entries = [7, 50, 90, 200];

  it("of 8 bits has two entries in a word, or one", () => {
    const LUTDescriptor = [4, 2, 8];
    assert.deepEqual(mapped({ LUTDescriptor, LUTData: Uint8Array.from(entries) }), expected);
    assert.deepEqual(mapped({ LUTDescriptor, LUTData: words(entries) }), expected);
  });

  it("of 8 bits is read in big endian as well", () => {
    const options = { transferSyntax: "1.2.840.10008.1.2.2", littleEndian: false };
    const swapped = Uint8Array.from([50, 7, 200, 90]);
    assert.deepEqual(mapped({ LUTDescriptor: [4, 2, 8], LUTData: swapped }, options), expected);
    assert.deepEqual(mapped({ LUTDescriptor: [4, 2, 16], LUTData: words(entries, false) }, options), expected);
  });

  it("that is shorter than it says is refused", () => {
    for (const bits of [8, 16]) {
      const ModalityLUTSequence = [{ LUTDescriptor: [5, 2, bits], LUTData: Uint8Array.from(entries) }];
      refusedWith("ATTRIBUTE_INVALID", () => open({ ModalityLUTSequence }).greyFrame(1));
    }
  });

  it("is all frames' of a multi-frame object, whose functional groups have none", () => {
    const image = open({
      NumberOfFrames: "2",
      PixelData: words([...stored, ...stored.toReversed()]),
      ModalityLUTSequence: [{ LUTDescriptor: [4, 2, 8], LUTData: Uint8Array.from(entries) }],
    });
    assert.deepEqual([...image.greyFrame(1).values], [...image.greyFrame(2).values].reverse());
    assert.equal(image.greyFrame(2).values[0], 200);
  });
});
