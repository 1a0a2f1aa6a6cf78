/** Headers, sequences, character sets and limits: what the reader makes of a file before it looks at the pixels. */
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { openDicom } from "../../../encoder/dicom/index.js";
import { refusedWith } from "./refusal.js";
import { Encapsulated, SMALL_IMAGE, type WrittenDataset, words, writeDataset, writeFile } from "./written.js";

const key = new Uint8Array(32).fill(7);

describe("a file's beginning", () => {
  it("may lack preamble and header: the first element shows the encoding", () => {
    for (const explicitVr of [true, false]) {
      const instance = openDicom(writeFile(SMALL_IMAGE, { preamble: false, explicitVr }));
      assert.equal(instance.storedFrame(1).values[11], 1100);
      assert.equal(instance.warnings.length, 1);
    }
  });

  it("may say another encoding than the dataset has", () => {
    const instance = openDicom(writeFile(SMALL_IMAGE, { explicitVr: false }));
    assert.equal(instance.storedFrame(1).values[11], 1100);
    assert.match(instance.warnings.join(), /Implicit VR Little Endian/);
  });

  it("shows what was given instead of DICOM", () => {
    assert.match(refusedWith("NOT_DICOM", () => openDicom(Buffer.from("PK\x03\x04zip"))).message, /zip/);
    assert.match(refusedWith("NOT_DICOM", () => openDicom(Buffer.from("%PDF-1.7"))).message, /PDF/);
    refusedWith("NOT_DICOM", () => openDicom(Buffer.from("Once upon a time there was a text file.")));
    refusedWith("FILE_EMPTY", () => openDicom(new Uint8Array(0)));
  });

  it("at every length is refused by a code, never read past its end", () => {
    const whole = writeFile(SMALL_IMAGE);
    for (let length = 1; length < whole.length; length++) {
      try {
        openDicom(whole.subarray(0, length));
        assert.fail(`${length} of ${whole.length} bytes were accepted`);
      } catch (error) {
        assert.match(
          String((error as { code?: string }).code),
          /^(NOT_DICOM|DICOM_TRUNCATED|NO_PIXEL_DATA)$/,
          String(error),
        );
      }
    }
  });
});

describe("sequences", () => {
  const enhanced: WrittenDataset = {
    ...SMALL_IMAGE,
    SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [{ PixelSpacing: "0.5\\0.25", SliceThickness: "2" }] }],
    PerFrameFunctionalGroupsSequence: [{ PlanePositionSequence: [{ ImagePositionPatient: "1\\2\\3" }] }],
    ImageOrientationPatient: "1\\0\\0\\0\\1\\0",
  };

  for (const explicitVr of [true, false]) {
    for (const undefinedLength of [true, false]) {
      it(`are read with ${undefinedLength ? "undefined" : "stated"} length, ${explicitVr ? "explicit" : "implicit"}`, () => {
        const options = {
          explicitVr,
          undefinedLength,
          transferSyntax: explicitVr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2",
        };
        const attributes = openDicom(writeFile(enhanced, options)).attributes();
        assert.deepEqual(attributes.pixelSpacingMm, [0.5, 0.25]);
        assert.equal(attributes.sliceThickness, 2);
        assert.equal(attributes.slicePositionMm, 3);
      });
    }
  }

  it("that are damaged do not matter where the image does not need them", () => {
    const damaged = { tag: 0x00091010, vr: "SQ", bytes: Buffer.from("this is not an item") };
    assert.equal(openDicom(writeFile(SMALL_IMAGE, { others: [damaged] })).storedFrame(1).values[1], 100);
  });

  it("nested deeper than the limit are refused", () => {
    let nested: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 100; depth++) nested = openSequence(nested);
    const file = Buffer.concat([writeFile({ SOPClassUID: "1.2" }), nested, writeDataset({ Rows: 1 }, {})]);
    refusedWith("SEQUENCES_TOO_DEEP", () => openDicom(file));
  });
});

/** (0009,1010) SQ of undefined length with one item of undefined length around `content`. */
function openSequence(content: Uint8Array): Uint8Array {
  const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
  return Buffer.concat([
    hex("0900 1010 5351 0000 ffffffff feff00e0 ffffffff"),
    content,
    hex("feff0de0 00000000 feffdde0 00000000"),
  ]);
}

describe("limits", () => {
  const file = writeFile(SMALL_IMAGE);

  it("refuse what goes past them, each by its code, before memory is taken", () => {
    refusedWith("FILE_TOO_LARGE", () => openDicom(file, { limits: { fileBytes: file.length - 1 } }));
    refusedWith("TOO_MANY_ELEMENTS", () => openDicom(file, { limits: { elements: 5 } }));
    refusedWith("TOO_MANY_PIXELS", () => openDicom(file, { limits: { samplesPerFrame: 11 } }));
    refusedWith("TOO_MANY_FRAMES", () =>
      openDicom(writeFile({ ...SMALL_IMAGE, NumberOfFrames: "7" }), { limits: { frames: 6 } }),
    );
    assert.equal(openDicom(file, { limits: { samplesPerFrame: 12 } }).frames, 1);
  });

  it("stop a deflated dataset that grows without end", () => {
    const header = writeFile({}, { transferSyntax: "1.2.840.10008.1.2.1.99" });
    const bomb = Buffer.concat([header, deflateRawSync(new Uint8Array(8_000_000))]);
    refusedWith("LIMIT_EXCEEDED", () => openDicom(bomb, { limits: { inflatedBytes: 1_000_000 } }));
    const larger = Buffer.concat([header, deflateRawSync(new Uint8Array(20_000_000))]);
    refusedWith("DECOMPRESSION_RATIO", () => openDicom(larger));
  });

  it("stop a compressed frame of few bytes that would become many, before it is decoded", () => {
    const bomb: WrittenDataset = {
      ...SMALL_IMAGE,
      Rows: 4096,
      Columns: 4096,
      PixelData: new Encapsulated([words([1, 2])]),
    };
    for (const transferSyntax of ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.8.1"])
      refusedWith("DECOMPRESSION_RATIO", () => openDicom(writeFile(bomb, { transferSyntax })).storedFrame(1));
  });
});

describe("the image description", () => {
  it("is refused with the tag that is missing or impossible", () => {
    const { Rows: _rows, ...withoutRows } = SMALL_IMAGE;
    assert.equal(refusedWith("ATTRIBUTE_MISSING", () => openDicom(writeFile(withoutRows))).where.tag, "(0028,0010)");
    assert.equal(
      refusedWith("ATTRIBUTE_INVALID", () => openDicom(writeFile({ ...SMALL_IMAGE, Columns: 0 }))).where.tag,
      "(0028,0011)",
    );
    refusedWith("ATTRIBUTE_INVALID", () => openDicom(writeFile({ ...SMALL_IMAGE, BitsStored: 17 })));
    refusedWith("ATTRIBUTE_INVALID", () => openDicom(writeFile({ ...SMALL_IMAGE, HighBit: 3 })));
    refusedWith("UNSUPPORTED_PIXEL_FORMAT", () => openDicom(writeFile({ ...SMALL_IMAGE, SamplesPerPixel: 4 })));
    refusedWith("UNSUPPORTED_PIXEL_FORMAT", () => openDicom(writeFile({ ...SMALL_IMAGE, BitsAllocated: 24 })));
  });
});

describe("text", () => {
  it("in Japanese, Korean, Chinese, Greek and UTF-8 becomes Unicode", () => {
    const manufacturer = (characterSets: string, hex: string): string | undefined =>
      openDicom(
        writeFile({
          ...SMALL_IMAGE,
          SpecificCharacterSet: characterSets,
          Manufacturer: Uint8Array.from(Buffer.from(hex, "hex")),
        }),
      ).attributes(key).manufacturer;
    assert.equal(manufacturer("\\ISO 2022 IR 87", "1b24423b334544" + "1b2842"), "山田");
    assert.equal(manufacturer("\\ISO 2022 IR 149", "1b242943b1e8c8f1"), "김희");
    assert.equal(manufacturer("GB18030", "cdf5d0a1"), "王小");
    assert.equal(manufacturer("ISO_IR 126", "c4e9efed"), "Διον");
    assert.equal(manufacturer("ISO_IR 192", "4dc3bc6c6c657220"), "Müller");
    assert.equal(manufacturer("ISO_IR 100", "4dfc6c6c6572"), "Müller");
  });
});
