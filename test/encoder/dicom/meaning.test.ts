/** What pixel values mean: HU, SUV against an independent calculation, padding, inversion, colour, enhanced twins. */
import assert from "node:assert/strict";
import dicomParser from "dicom-parser";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { refusedWith } from "./refusal.js";
import { describeWithSharedData, readShared, readTable } from "./shared-data.js";
import { SMALL_IMAGE, type WrittenDataset, words, writeFile } from "./written.js";

const CT: WrittenDataset = {
  ...SMALL_IMAGE,
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
  Modality: "CT",
  RescaleSlope: "2",
  RescaleIntercept: "-1024",
};
const PET: WrittenDataset = {
  ...SMALL_IMAGE,
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.128",
  Modality: "PT",
  RescaleSlope: "1",
  RescaleIntercept: "0",
  Units: "BQML",
  DecayCorrection: "START",
  PatientWeight: "70",
  SeriesDate: "20240102",
  SeriesTime: "001000",
  AcquisitionDate: "20240102",
  AcquisitionTime: "001000",
  RadiopharmaceuticalInformationSequence: [
    { RadionuclideTotalDose: "350000000", RadionuclideHalfLife: "6586.2", RadiopharmaceuticalStartTime: "231000" },
  ],
};

const grey = (dataset: WrittenDataset, others: { tag: number; vr: string; bytes: Uint8Array }[] = []) =>
  openDicom(writeFile(dataset, { others })).greyFrame(1);
const inspected = (dataset: WrittenDataset) => openDicom(writeFile(dataset)).inspect(1);

describe("CT", () => {
  it("is in HU by slope and intercept", () => {
    const image = grey(CT);
    assert.equal(image.scale, "hu");
    assert.deepEqual([...image.values.subarray(0, 3)], [-1024, -824, -624]);
  });

  it("is not called HU where Rescale Type is another, the rescale values are missing, or it is a localizer", () => {
    assert.equal(inspected({ ...CT, RescaleType: "US" }).units, "normalised");
    const { RescaleSlope: _slope, ...unscaled } = CT;
    assert.match(inspected(unscaled).notQuantitative ?? "", /missing/);
    assert.match(inspected({ ...CT, ImageType: "ORIGINAL\\PRIMARY\\LOCALIZER" }).notQuantitative ?? "", /localizer/);
  });

  it("takes its rescale values from the frame's own functional group first", () => {
    const image = openDicom(
      writeFile({
        ...CT,
        SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
        NumberOfFrames: "2",
        PixelData: words(Array.from({ length: 24 }, (_, index) => index)),
        SharedFunctionalGroupsSequence: [
          { PixelValueTransformationSequence: [{ RescaleSlope: "1", RescaleIntercept: "-1000", RescaleType: "HU" }] },
        ],
        PerFrameFunctionalGroupsSequence: [
          {},
          { PixelValueTransformationSequence: [{ RescaleSlope: "3", RescaleIntercept: "5", RescaleType: "HU" }] },
        ],
      }),
    );
    assert.equal(image.greyFrame(1).values[1], -999);
    assert.equal(image.greyFrame(2).values[1], 13 * 3 + 5);
  });

  it("with MONOCHROME1 keeps its HU: the interpretation is about display only", () => {
    assert.equal(grey({ ...CT, PhotometricInterpretation: "MONOCHROME1" }).values[0], -1024);
  });

  it("is background where it is padding, also when the padding value is written unsigned", () => {
    const padded = {
      ...CT,
      PixelRepresentation: 1,
      PixelPaddingValue: 63536,
      PixelData: words([-2000, ...Array.from({ length: 11 }, (_, index) => index)]),
    };
    const image = grey(padded);
    assert.ok(Number.isNaN(image.values[0]));
    assert.equal(image.values[2], -1022);
    const ranged = grey({ ...padded, PixelPaddingRangeLimit: 3 });
    assert.equal([...ranged.values].filter(Number.isNaN).length, 5);
  });
});

describe("PET", () => {
  it("becomes body-weight SUV from Bq/ml, the dose decayed from the injection to the scan, over midnight as well", () => {
    const image = grey(PET);
    assert.equal(image.scale, "suv");
    const hourLater = 350e6 * 0.5 ** (3600 / 6586.2);
    assert.ok(Math.abs((image.values[11] ?? 0) - (1100 * 70_000) / hourLater) < 1e-6);
  });

  it("counts decay from the administration where Decay Correction says so", () => {
    assert.ok(Math.abs((grey({ ...PET, DecayCorrection: "ADMIN" }).values[11] ?? 0) - (1100 * 70_000) / 350e6) < 1e-6);
  });

  it("does not depend on the zone in which the injection is written", () => {
    const drug = { RadionuclideTotalDose: "350000000", RadionuclideHalfLife: "6586.2" };
    const injected = (at: string, zone: string): number | undefined =>
      grey({
        ...PET,
        ...{ SeriesDate: "20240102", SeriesTime: "110000", AcquisitionDate: "20240102", AcquisitionTime: "110000" },
        TimezoneOffsetFromUTC: zone,
        RadiopharmaceuticalInformationSequence: [{ ...drug, RadiopharmaceuticalStartDateTime: at }],
      }).values[11];
    const expected = (1100 * 70_000) / (350e6 * 0.5 ** (3600 / 6586.2));
    for (const [at, zone] of [
      ["20240102100000", "+0100"],
      ["20240102100000+0100", "+0100"],
      ["20240102090000+0000", "+0100"],
      ["20240102103000+0530", "+0500"],
      ["20240101233000-0930", "+0100"],
      ["20240102100000+0100", ""],
    ] as const) {
      assert.ok(Math.abs((injected(at, zone) ?? 0) - expected) < 1e-6, `${at} in ${zone}`);
    }
  });

  it("from the scan that GE keeps privately, where the series was written after the acquisition", () => {
    const late: WrittenDataset = { ...PET, SeriesTime: "120000" };
    const others = [
      { tag: 0x00090010, vr: "LO", bytes: Buffer.from("GEMS_PETD_01") },
      { tag: 0x0009100d, vr: "DT", bytes: Buffer.from("20240102004000.00 ") },
    ];
    const dose = 350e6 * 0.5 ** (5400 / 6586.2);
    assert.ok(Math.abs((grey(late, others).values[11] ?? 0) - (1100 * 70_000) / dose) < 1e-5);
  });

  it("is SUV already in g/ml, and by the private factor in Philips' counts", () => {
    assert.equal(grey({ ...PET, Units: "GML" }).values[11], 1100);
    const others = [
      { tag: 0x70530010, vr: "LO", bytes: Buffer.from("Philips PET Private Group ") },
      { tag: 0x70531000, vr: "DS", bytes: Buffer.from("0.001 ") },
    ];
    assert.ok(Math.abs((grey({ ...PET, Units: "CNTS" }, others).values[11] ?? 0) - 1.1) < 1e-6);
  });

  it("is not quantitative without what the factor needs, and says what is missing", () => {
    const reasons: [WrittenDataset, RegExp][] = [
      [{ PatientWeight: "" }, /Weight/],
      [{ Units: "CNTS" }, /scale factor/],
      [{ Units: "PROPCPS" }, /PROPCPS/],
      [{ Units: "GML", SUVType: "LBM" }, /LBM/],
      [{ DecayCorrection: "NONE" }, /NONE/],
      [{ RadiopharmaceuticalInformationSequence: [{ RadionuclideTotalDose: "350000000" }] }, /Half Life/],
      [{ RadiopharmaceuticalInformationSequence: [] }, /Dose/],
      [{ SeriesTime: "", AcquisitionTime: "" }, /start time/],
    ];
    for (const [change, reason] of reasons) {
      const seen = inspected({ ...PET, ...change });
      assert.equal(seen.units, "normalised");
      assert.match(seen.notQuantitative ?? "", reason);
    }
  });
});

describe("other images", () => {
  it("of MR are relative; of 8-bit ultrasound and colour they are as displayed", () => {
    assert.equal(grey(SMALL_IMAGE).scale, "relative");
    const bytes = {
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelData: Uint8Array.from({ length: 36 }, (_, index) => index),
    };
    assert.equal(grey({ ...SMALL_IMAGE, ...bytes, Modality: "US" }).scale, "display");
    const colour = grey({ ...SMALL_IMAGE, ...bytes, SamplesPerPixel: 3, PhotometricInterpretation: "RGB" });
    assert.equal(colour.scale, "display");
    assert.ok(Math.abs((colour.values[0] ?? 0) - (0.587 * 1 + 0.114 * 2)) < 1e-6);
  });

  it("in MONOCHROME1 are turned over", () => {
    const image = grey({ ...SMALL_IMAGE, PhotometricInterpretation: "MONOCHROME1" });
    assert.deepEqual([image.values[0], image.values[11]], [1100, 0]);
  });

  it("with a palette are followed through it", () => {
    const table = (values: number[]): Uint8Array => words(values.map((value) => value * 257));
    const image = grey({
      ...SMALL_IMAGE,
      PhotometricInterpretation: "PALETTE COLOR",
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      RedPaletteColorLookupTableDescriptor: [3, 1, 16],
      GreenPaletteColorLookupTableDescriptor: [3, 1, 16],
      BluePaletteColorLookupTableDescriptor: [3, 1, 16],
      RedPaletteColorLookupTableData: table([10, 20, 30]),
      GreenPaletteColorLookupTableData: table([10, 20, 30]),
      BluePaletteColorLookupTableData: table([10, 20, 30]),
      PixelData: Uint8Array.from([0, 1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1]),
    });
    assert.deepEqual([...image.values.subarray(0, 5)].map(Math.round), [10, 10, 20, 30, 30]);
  });

  it("with a modality LUT are followed through it", () => {
    const { RescaleSlope: _slope, RescaleIntercept: _intercept, ...plain } = CT;
    const pixels = Array.from({ length: 12 }, (_, index) => index);
    const image = grey({
      ...plain,
      Modality: "MR",
      PixelData: words(pixels),
      ModalityLUTSequence: [{ LUTDescriptor: [3, 2, 16], LUTData: words([7, 50, 90]) }],
    });
    assert.deepEqual([...image.values.subarray(0, 6)], [7, 7, 7, 50, 90, 90]);
  });

  it("with one value only are refused as constant, and with slope 0 as impossible", () => {
    refusedWith("IMAGE_CONSTANT", () => grey({ ...SMALL_IMAGE, PixelData: words(new Array(12).fill(5)) }));
    refusedWith("ATTRIBUTE_INVALID", () => grey({ ...CT, RescaleSlope: "0" }));
  });

  it("with pixels that are not square keep their true shape", () => {
    assert.equal(grey({ ...SMALL_IMAGE, PixelSpacing: "2\\0.5" }).pixelAspectRatio, 4);
    assert.equal(grey({ ...SMALL_IMAGE, PixelSpacing: "2\\2" }).pixelAspectRatio, undefined);
  });
});

/** The SUV factor by another parser and straight from the definition; undefined where Units are of another kind. */
function independentFactor(bytes: Uint8Array): { factor: number; slope: number; intercept: number } | undefined {
  const header = dicomParser.parseDicom(bytes, { untilTag: "x7fe00010" });
  const slope = Number(header.string("x00281053"));
  const intercept = Number(header.string("x00281052"));
  if (header.string("x00541001") === "GML") return { factor: 1, slope, intercept };
  if (header.string("x00541001") !== "BQML" || header.string("x00541102") !== "START") return undefined;
  const drug = header.elements.x00540016?.items?.[0]?.dataSet;
  assert.ok(drug !== undefined);
  const seconds = (time = ""): number =>
    Number(time.slice(0, 2)) * 3600 + Number(time.slice(2, 4)) * 60 + Number(time.slice(4));
  const elapsed = seconds(header.string("x00080031")) - seconds(drug.string("x00181072"));
  const dose = Number(drug.string("x00181074")) * Math.exp((-Math.LN2 * elapsed) / Number(drug.string("x00181075")));
  return { factor: (Number(header.string("x00101030")) * 1000) / dose, slope, intercept };
}

describeWithSharedData("real PET", () => {
  it("is in SUV within 0.1 % of an independent calculation, in every file that has what it takes", async function () {
    this.timeout(120_000);
    let compared = 0;
    for (const row of readTable("golden.csv")) {
      const file = row.path ?? "";
      await initCodecs();
      const instance = openDicom(readShared(file));
      const attributes = instance.attributes();
      if (attributes.modality !== "PT" || instance.frames > 1) continue;
      const expected = independentFactor(readShared(file));
      const seen = instance.inspect(1);
      assert.equal(seen.units === "SUV", expected !== undefined, `${file}: ${seen.notQuantitative}`);
      if (expected === undefined || seen.physical === undefined) continue;
      const highest = (seen.stored.max * expected.slope + expected.intercept) * expected.factor;
      assert.ok(Math.abs(seen.physical.max / highest - 1) < 0.001, `${file}: ${seen.physical.max} and ${highest}`);
      compared++;
    }
    assert.ok(compared > 200, `only ${compared} files`);
  });
});

describeWithSharedData("an enhanced PET", () => {
  it("gives the same SUV values and attributes as its classic twins", async function () {
    this.timeout(60_000);
    await initCodecs();
    const enhanced = openDicom(readShared("derived+enhanced/ACRIN-NSCLC-FDG-PET-042_legacy_enhanced_pet_18f.dcm"));
    const twins = readTable("golden.csv")
      .map((row) => row.path ?? "")
      .filter((file) => file.startsWith("OHIF+viewer-testdata-dicomweb/ACRIN-NSCLC-FDG-PET-042/"))
      .map((file) => openDicom(readShared(file)));
    const byPixels = new Map(twins.map((twin) => [twin.pixelSha256(1), twin]));
    let found = 0;
    for (let frame = 1; frame <= enhanced.frames; frame++) {
      const twin = byPixels.get(enhanced.pixelSha256(frame));
      if (twin === undefined) continue;
      found++;
      assert.deepEqual(enhanced.greyFrame(frame), twin.greyFrame(1));
    }
    assert.ok(found >= 18, `${found} of ${enhanced.frames} frames have a twin`);
    const first = byPixels.get(enhanced.pixelSha256(1))?.attributes(new Uint8Array(32));
    const own = enhanced.attributes(new Uint8Array(32));
    for (const name of [
      "modality",
      "pixelSpacingMm",
      "sliceThickness",
      "slicePositionMm",
      "patientKey",
      "studyDate",
      "units",
    ] as const) {
      assert.deepEqual(own[name], first?.[name], name);
    }
  });
});
