/** What each option keeps, removes and moves; on small files with known values. */
import assert from "node:assert/strict";
import { readElements, sourceOf } from "../../../encoder/dicom/deidentify/element-reader.js";
import {
  DEIDENTIFICATION_PROFILES,
  type DeidentificationProfile,
  deidentify,
} from "../../../encoder/dicom/deidentify/index.js";
import { TopLevel } from "../../../encoder/dicom/deidentify/top-level.js";
import { readFileStart } from "../../../encoder/dicom/file-meta.js";
import { openDicom } from "../../../encoder/dicom/index.js";
import { DEFAULT_LIMITS } from "../../../encoder/dicom/limits.js";
import { DafhError, type ErrorCode } from "../../../schemas/index.js";
import { bytes, type FileForm, type Planted, plantedFile, sequence, text, uint16 } from "./planted-file.js";
import { IMAGE } from "./planting.js";

const key = Buffer.alloc(32, 7);
const { strict, research, hospital } = DEIDENTIFICATION_PROFILES;

const STUDY = "1.2.840.99999.1";
const PATIENT = [text(0x00100010, "PN", "Doe^Jane"), text(0x00100020, "LO", "4711 ")];
const UIDS = [
  text(0x00080018, "UI", `${STUDY}.1.1`),
  text(0x0020000d, "UI", STUDY),
  text(0x0020000e, "UI", `${STUDY}.1`),
];

/** Elements given last stand for those before. */
function imageFile(elements: readonly Planted[], form: FileForm = {}): Uint8Array {
  const all = new Map([...IMAGE, ...PATIENT, ...UIDS, ...elements].map((element) => [element.tag, element]));
  return plantedFile([...all.values()], form);
}

function run(
  elements: readonly Planted[],
  profile: DeidentificationProfile,
  siteKey: Uint8Array = key,
  form: FileForm = {},
) {
  const output = Buffer.concat(deidentify(imageFile(elements, form), { profile, key: siteKey }).parts);
  return { output, dataset: opened(output) };
}

function opened(file: Uint8Array): TopLevel {
  const { transferSyntax, datasetOffset } = readFileStart(file);
  const source = sourceOf(file, transferSyntax.encoding, DEFAULT_LIMITS);
  return new TopLevel({ source, elements: readElements(source, datasetOffset, file.length) });
}

function refusal(act: () => unknown): ErrorCode {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof DafhError, String(error));
    return error.code;
  }
  return assert.fail("was not refused");
}

const date = (dataset: TopLevel, tag: number) => dataset.string(tag) ?? "";
const dayNumber = (day: string) => Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}`) / 86_400_000;

describe("a de-identified file", () => {
  it("says how it was made", () => {
    const { dataset } = run([], research);
    assert.equal(dataset.string(0x00120062), "YES");
    assert.match(dataset.strings(0x00120063).join(), /PS3\.15 \d{4}[a-z].*profile research/);
    const codes = dataset.items(0x00120064).map((item) => item.string(0x00080100));
    assert.deepEqual(codes, ["113100", "113101", "113105", "113107", "113108", "113111"]);
    assert.equal(dataset.string(0x00280303), "MODIFIED");
    assert.equal(dataset.string(0x00280301), "NO");
  });

  it("is the same on every run, and another with another key", () => {
    const elements = [sequence(0x00081140, [text(0x00081155, "UI", "1.2.3")])];
    assert.ok(run(elements, research).output.equals(run(elements, research).output));
    const other = run(elements, research, Buffer.alloc(32, 8)).dataset;
    const one = run(elements, research).dataset;
    for (const tag of [0x00100010, 0x00100020, 0x00080018, 0x0020000d, 0x0020000e]) {
      assert.notEqual(one.string(tag), other.string(tag));
    }
  });

  it("refuses a key that could be guessed", () => {
    assert.equal(
      refusal(() => run([], strict, new Uint8Array(15))),
      "BAD_OPTION",
    );
  });

  it("has UIDs that keep their references, in sequences and in the file meta information", () => {
    const reference = text(0x00081155, "UI", `${STUDY}.1.1`);
    const { output, dataset } = run(
      [sequence(0x00081140, [text(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.4"), reference])],
      strict,
    );
    const uid = dataset.string(0x00080018);
    assert.match(uid ?? "", /^2\.25\.[1-9]\d{30,38}$/);
    const [item] = dataset.items(0x00081140);
    assert.equal(item?.string(0x00081155), uid);
    assert.equal(item?.string(0x00081150), "1.2.840.10008.5.1.4.1.1.4", "a class is no instance");
    assert.equal(output.toString("latin1").split(uid ?? "").length - 1, 3);
  });

  it("has the same pseudonym for one patient, whatever the padding, and another for another", () => {
    const of = (id: string) => run([text(0x00100020, "LO", id)], strict).dataset.string(0x00100020);
    assert.match(of("4711") ?? "", /^P[0-9A-F]{24}$/);
    assert.equal(of("4711"), of(" 4711  "));
    assert.notEqual(of("4711"), of("4712"));
  });

  it("keeps its lengths right in sequences that shrink, explicit and implicit", () => {
    for (const form of [{ explicitVr: true }, { explicitVr: false }]) {
      const inner = [
        text(0x00181074, "DS", "350"),
        text(0x00181078, "DT", "20200101101010"),
        text(0x00081070, "PN", "Roe^Richard"),
      ];
      const { dataset } = run([sequence(0x00540016, inner, inner)], strict, key, form);
      const items = dataset.items(0x00540016);
      assert.equal(items.length, 2);
      for (const item of items) assert.equal(item.string(0x00181074), "350");
    }
  });

  it("has nothing twice", () => {
    const first = imageFile([text(0x00080070, "LO", "Maker")]);
    const second = plantedFile([text(0x00080070, "LO", "Smith")]);
    const twice = Buffer.concat([first, second.subarray(readFileStart(second).datasetOffset)]);
    const output = Buffer.concat(deidentify(twice, { profile: strict, key }).parts);
    assert.ok(output.includes("Maker"));
    assert.ok(!output.includes("Smith"));
  });
});

describe("dates", () => {
  const dated = [
    text(0x00080020, "DA", "20240229"),
    text(0x00080021, "DA", "2024.03.01"),
    text(0x00080030, "TM", "235959.5"),
    text(0x0008002a, "DT", "20240229235959.5+0100"),
    text(0x00100030, "DA", "19500101"),
    text(0x00180012, "UN", ""),
  ];

  it("are gone from the strict profile", () => {
    const { dataset } = run(dated, strict);
    assert.equal(dataset.string(0x00080020), undefined);
    assert.equal(dataset.string(0x0008002a), "19000101000000");
    assert.equal(dataset.string(0x00280303), "REMOVED");
  });

  it("are moved alike for one patient, in all files, and not their times", () => {
    const { dataset } = run(dated, research);
    const days = dayNumber(date(dataset, 0x00080020)) - dayNumber("20240229");
    assert.ok(days < 0 && days >= -3652, `${days}`);
    assert.equal(dayNumber(date(dataset, 0x00080021)) - dayNumber("20240301"), days);
    assert.equal(dayNumber(date(dataset, 0x0008002a).slice(0, 8)) - dayNumber("20240229"), days);
    assert.equal(date(dataset, 0x0008002a).slice(8), "235959.5+0100");
    assert.equal(dataset.string(0x00080030), "235959.5");
    assert.equal(dataset.string(0x00100030), undefined, "the birth date is no option's");
    const next = run(
      [text(0x00080020, "DA", "20240310"), text(0x00080018, "UI", "1.9"), text(0x0020000d, "UI", "1.8")],
      research,
    );
    assert.equal(dayNumber(date(next.dataset, 0x00080020)) - dayNumber("20240310"), days);
    const other = run([...dated, text(0x00100020, "LO", "another")], research);
    assert.notEqual(dayNumber(date(other.dataset, 0x00080020)) - dayNumber("20240229"), days);
  });

  it("that are none are not let through, whatever the option", () => {
    for (const profile of [strict, research, hospital]) {
      const { output } = run([text(0x00080022, "DA", "Mr Smith"), text(0x00080023, "DA", "Smith")], profile);
      assert.ok(!output.includes("Smith"));
    }
  });
});

describe("options", () => {
  it("retain UIDs, full dates and the device where the file stays in the hospital", () => {
    const { dataset } = run([text(0x00080020, "DA", "20240229"), text(0x00181000, "LO", "SN 17")], hospital);
    assert.equal(dataset.string(0x00080018), `${STUDY}.1.1`);
    assert.equal(dataset.string(0x00080020), "20240229");
    assert.equal(dataset.string(0x00181000), "SN 17");
    assert.match(dataset.string(0x00100010) ?? "", /^P[0-9A-F]{24}$/);
    assert.equal(run([text(0x00181000, "LO", "SN 17")], strict).dataset.string(0x00181000), "Anonymized");
  });

  it("retain the patient's characteristics, ages of 90 and over as 90", () => {
    const patient = [text(0x00101010, "AS", "093Y"), text(0x00100040, "CS", "F"), text(0x00101030, "DS", "61.5")];
    const { dataset } = run(patient, research);
    assert.deepEqual(
      [0x00101010, 0x00100040, 0x00101030].map((tag) => dataset.string(tag)),
      ["090Y", "F", "61.5"],
    );
    assert.equal(run([text(0x00101010, "AS", "089Y")], research).dataset.string(0x00101010), "089Y");
    assert.equal(run(patient, strict).dataset.string(0x00101030), undefined);
  });

  it("keep the known words of descriptions and nothing else", () => {
    const described = (words: string) => run([text(0x0008103e, "LO", words)], research).dataset.string(0x0008103e);
    assert.equal(described("CT chest abdomen pelvis - 55F Dr. Smith"), "CT chest abdomen pelvis");
    assert.equal(described("T2 FLAIR axial 5mm MRN 123456 01/02/1950"), "T2 FLAIR axial 5mm");
    assert.equal(described("Smith^John"), undefined);
    assert.equal(run([text(0x0008103e, "LO", "CT chest")], strict).dataset.string(0x0008103e), undefined);
  });

  it("keep the private numbers that SUV needs, with their creator, and nothing else of the block", () => {
    const block = [
      text(0x70530010, "LO", "Philips PET Private Group"),
      text(0x70531000, "DS", "0.000251"),
      text(0x70531003, "LO", "Doe^Jane"),
      text(0x70530011, "LO", "Another"),
      text(0x70531100, "DS", "1"),
    ];
    const kept = run(block, research).dataset;
    assert.equal(kept.string(0x70530010), "Philips PET Private Group");
    assert.equal(kept.string(0x70531000), "0.000251");
    assert.deepEqual(
      [0x70531003, 0x70530011, 0x70531100].map((tag) => kept.element(tag)),
      [undefined, undefined, undefined],
    );
    assert.equal(run(block, strict).dataset.element(0x70530010), undefined);
    const impostor = run([text(0x70530010, "LO", "Impostor"), text(0x70531000, "DS", "4711")], research).dataset;
    assert.equal(impostor.element(0x70531000), undefined);
  });

  it("move the private date that GE's decay correction counts from", () => {
    const block = [text(0x00090010, "LO", "GEMS_PETD_01"), text(0x0009100d, "DT", "20240229101112")];
    const { dataset } = run([...block, text(0x00080020, "DA", "20240229")], research);
    assert.equal(date(dataset, 0x0009100d), `${date(dataset, 0x00080020)}101112`);
    assert.equal(run(block, strict).dataset.element(0x0009100d), undefined);
  });
});

describe("burned-in text", () => {
  const refused = (elements: readonly Planted[], profile: DeidentificationProfile = strict) =>
    refusal(() => run(elements, profile));
  const mask: DeidentificationProfile = { ...strict, pixels: "mask" };

  it("is refused where the file says so, and where nothing speaks against it", () => {
    assert.equal(refused([text(0x00280301, "CS", "YES")]), "BURNED_IN_TEXT");
    assert.equal(refused([text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")]), "BURNED_IN_TEXT");
    assert.equal(refused([text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.6.1")]), "BURNED_IN_TEXT");
    assert.equal(refused([text(0x00080008, "CS", "DERIVED\\SECONDARY\\SCREEN SAVE")]), "BURNED_IN_TEXT");
    assert.equal(refused([text(0x00280301, "CS", "YES")], mask), "BURNED_IN_TEXT");
    run([text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), text(0x00280301, "CS", "NO")], strict);
    run([text(0x00280301, "CS", "YES")], { ...strict, pixels: "keep" });
  });

  it("is blackened around the regions of an ultrasound", () => {
    const uint32 = (tag: number, value: number): Planted => ({
      tag,
      vr: "UL",
      value: new Uint8Array(Uint32Array.of(value).buffer),
    });
    const region = [uint32(0x00186018, 1), uint32(0x0018601a, 1), uint32(0x0018601c, 2), uint32(0x0018601e, 1)];
    const ultrasound = [
      text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.6.1"),
      sequence(0x00186011, region),
      uint16(0x00280010, 3),
      uint16(0x00280011, 4),
      uint16(0x00280100, 8),
      uint16(0x00280101, 8),
      uint16(0x00280102, 7),
      { tag: 0x7fe00010, vr: "OB", value: Uint8Array.from({ length: 12 }, (_, index) => index + 1) },
    ];
    assert.equal(refused(ultrasound), "BURNED_IN_TEXT");
    const { output } = run(ultrasound, mask);
    assert.deepEqual([...openDicom(output).storedFrame(1).values], [0, 0, 0, 0, 0, 6, 7, 0, 0, 0, 0, 0]);
  });

  it("is not overlooked in the comments of compressed frames", () => {
    const segment = (marker: number, content: string) =>
      Buffer.concat([Uint8Array.of(0xff, marker, 0, content.length + 2), bytes(content)]);
    const jpeg = Buffer.concat([
      Uint8Array.of(0xff, 0xd8),
      segment(0xee, "Adobe\0\x64\0\0\0\0\x01"),
      segment(0xfe, "Jane Doe, 1950"),
      segment(0xe1, "Exif\0\0 at Doe's"),
      segment(0xda, "header"),
      Uint8Array.of(1, 2, 0xff, 0, 3, 0xff, 0xd0, 4),
      segment(0xfe, "Doe again"),
      Uint8Array.of(0xff, 0xd9, 0),
    ]);
    const item = (content: Uint8Array) => {
      const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
      header.writeUInt32LE(content.length, 4);
      return Buffer.concat([header, content]);
    };
    const fragments = Buffer.concat([
      item(new Uint8Array()),
      item(jpeg),
      Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]),
    ]);
    const form = { transferSyntaxUid: "1.2.840.10008.1.2.4.50" };
    const compressed: Planted = { tag: 0x7fe00010, vr: "OB", value: fragments, openLength: true };
    const { output, dataset } = run([compressed], strict, key, form);
    assert.ok(!output.includes("Doe"));
    const kept = Buffer.from(dataset.element(0x7fe00010)?.value ?? []);
    assert.equal(kept.length, fragments.length - 8);
    const blank = fragments
      .toString("latin1")
      .replaceAll(/Jane Doe, 1950|Exif\0\0 at Doe's|Doe again/g, (text) => " ".repeat(text.length));
    assert.equal(kept.toString("latin1"), blank.slice(0, -8), "but for the comments, every byte is as it was");
  });

  it("is cleared where it is an overlay in bits that the image does not use", () => {
    const words = Uint16Array.of(0x8001, 2, 0x8003, 4);
    const overlaid = [
      uint16(0x00280101, 12),
      uint16(0x00280102, 11),
      uint16(0x60000102, 15),
      { tag: 0x7fe00010, vr: "OW", value: new Uint8Array(words.buffer) },
    ];
    const { dataset } = run(overlaid, strict);
    assert.deepEqual([...(dataset.element(0x7fe00010)?.value ?? [])], [1, 0, 2, 0, 3, 0, 4, 0]);
    assert.equal(dataset.element(0x60000102), undefined);
  });
});

describe("objects that are no images", () => {
  it("are refused: what they hold is text", () => {
    for (const uid of ["88.11", "88.59", "11.1", "104.1", "481.3"]) {
      const sopClass = text(0x00080016, "UI", `1.2.840.10008.5.1.4.1.1.${uid}`);
      assert.equal(
        refusal(() => run([sopClass], strict)),
        "UNSUPPORTED_SOP_CLASS",
        uid,
      );
    }
    assert.equal(
      refusal(() => run([{ tag: 0x7fe00010, vr: "OW", value: bytes("") }], strict)),
      "NO_PIXEL_DATA",
    );
  });
});
