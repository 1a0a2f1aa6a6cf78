/** The payload's attributes: understood values in, nothing that names a patient, and a pseudonym that only the key opens. */
import assert from "node:assert/strict";
import { initCodecs, isRetrievable, openDicom, requireRetrievable } from "../../../encoder/dicom/index.js";
import { PAYLOAD_FIELDS } from "../../../schemas/index.js";
import { refusedWith } from "./refusal.js";
import { describeWithSharedData, readShared, readTable } from "./shared-data.js";
import { SMALL_IMAGE, type WrittenDataset, writeFile } from "./written.js";

const key = new Uint8Array(32).fill(1);
const attributesOf = (dataset: WrittenDataset, pseudonymKey: Uint8Array | undefined = key) =>
  openDicom(writeFile({ ...SMALL_IMAGE, ...dataset })).attributes(pseudonymKey);

describe("attributes", () => {
  it("are read into the payload's forms", () => {
    const attributes = attributesOf({
      StudyDate: "20240229",
      PatientAge: "018M",
      PatientSex: "F ",
      SliceThickness: " 2,5 ",
      KVP: "120",
      MagneticFieldStrength: "3",
      BodyPartExamined: "Brain",
      ImageType: "ORIGINAL\\PRIMARY\\M_SE",
      ConvolutionKernel: "B30s\\3",
      Manufacturer: "SIEMENS",
      InstanceNumber: "+7",
    });
    assert.deepEqual(attributes, {
      modality: "MR",
      bodyPartExamined: "BRAIN",
      sopClassUid: "1.2.840.10008.5.1.4.1.1.4",
      sopInstanceUid: "1.2.3.4",
      studyDate: "2024-02-29T00:00:00Z",
      instanceNumber: 7,
      frames: 1,
      rows: 3,
      columns: 4,
      sliceThickness: 2.5,
      imageType: ["ORIGINAL", "PRIMARY", "M_SE"],
      manufacturer: "SIEMENS",
      magneticFieldStrength: 3,
      convolutionKernel: ["B30s", "3"],
      kvp: 120,
      patientSex: "F",
      patientAgeYears: 1.5,
      units: "normalised",
    });
  });

  it("are fields of the payload, all of them", () => {
    for (const name of Object.keys(attributesOf({ PatientID: "7" }))) assert.ok(name in PAYLOAD_FIELDS, name);
  });

  it("leave out what is not of its form, whatever it may hold instead", () => {
    const attributes = attributesOf({
      SOPInstanceUID: "DOE.JOHN.1950",
      StudyDate: "20230231",
      PatientAge: "old",
      BodyPartExamined: "see Mr. Doe",
      Manufacturer: "<script>alert(1)</script>",
      ManufacturerModelName: "x".repeat(80),
      PatientSex: "John Doe",
      ImageType: "ORIGINAL\\Doe, John",
      SliceThickness: "thin",
    });
    assert.deepEqual(Object.keys(attributes).sort(), ["columns", "frames", "modality", "rows", "sopClassUid", "units"]);
  });

  it("keep ages of 90 and over as 90, also where only the day of birth tells", () => {
    assert.equal(attributesOf({ PatientAge: "101Y" }).patientAgeYears, 90);
    assert.equal(attributesOf({ PatientBirthDate: "19200101", StudyDate: "20240101" }).patientAgeYears, 90);
    assert.equal(attributesOf({ PatientBirthDate: "19900615", StudyDate: "20240614" }).patientAgeYears, 33);
  });
});

describe("the patient's key", () => {
  it("is the same for the same patient, another for another patient, issuer or site", () => {
    const of = (dataset: WrittenDataset, site = key) => attributesOf(dataset, site).patientKey;
    const one = of({ PatientID: "12345" });
    assert.match(one ?? "", /^[0-9a-f]{32}$/);
    assert.equal(of({ PatientID: " 12345 " }), one);
    const others = [
      of({ PatientID: "12346" }),
      of({ PatientID: "12345", IssuerOfPatientID: "other hospital" }),
      of({ PatientID: "12345" }, new Uint8Array(32).fill(2)),
    ];
    assert.equal(new Set([one, ...others]).size, 4);
  });

  it("is absent without a key, and without an id", () => {
    assert.equal(openDicom(writeFile({ ...SMALL_IMAGE, PatientID: "12345" })).attributes().patientKey, undefined);
    assert.equal(attributesOf({ PatientID: "" }).patientKey, undefined);
  });
});

describe("what is ingested", () => {
  const of = (sopClass: string, more: WrittenDataset = {}) => attributesOf({ SOPClassUID: sopClass, ...more });
  const STORAGE = "1.2.840.10008.5.1.4.1.1.";

  it("are acquired images: CT, MR and PET, classic and enhanced, and other modalities", () => {
    for (const end of ["2", "2.1", "4", "4.1", "128", "130", "6.1", "1.1", "1", "20"])
      assert.ok(isRetrievable(of(STORAGE + end)), end);
  });

  it("are not secondary captures, localizers, segmentations, dose or slide tiles, and the reason is named", () => {
    const reasons: [string, WrittenDataset, RegExp][] = [
      ["7", {}, /secondary capture/],
      ["7.4", {}, /secondary capture/],
      ["66.4", {}, /segmentation/],
      ["481.2", {}, /dose/],
      ["77.1.6", {}, /visible light/],
      ["2", { ImageType: "ORIGINAL\\PRIMARY\\LOCALIZER" }, /localizer/],
    ];
    for (const [end, more, reason] of reasons) {
      assert.match(
        refusedWith("UNSUPPORTED_SOP_CLASS", () => requireRetrievable(of(STORAGE + end, more))).message,
        reason,
      );
    }
  });

  it("are secondary captures too where they are asked for, but never dose sheets or anything else", () => {
    const asked = { secondaryCaptures: true };
    assert.ok(isRetrievable(of(`${STORAGE}7`), asked) && isRetrievable(of(`${STORAGE}7.4`), asked));
    for (const end of ["66.4", "481.2", "88.33", "11.1", "88.59", "77.1.6"])
      assert.ok(!isRetrievable(of(STORAGE + end), asked), end);
    const doseSheet = of(`${STORAGE}7`, { ImageType: "DERIVED\\SECONDARY\\OTHER\\CT_SOM5 PROT" });
    assert.match(
      refusedWith("UNSUPPORTED_SOP_CLASS", () => requireRetrievable(doseSheet, asked)).message,
      /dose sheet/,
    );
  });

  it("may lack a SOP Class where the modality is one of images", () => {
    assert.ok(isRetrievable({ modality: "CR", sopInstanceUid: "1.2" }));
    assert.ok(!isRetrievable({ modality: "OT", sopInstanceUid: "1.2" }));
    assert.ok(isRetrievable({ modality: "MR", sopClassUid: "1.3.46.670589.11.0.0.12.1", sopInstanceUid: "1.2" }));
  });
});

describeWithSharedData("attributes of real files", () => {
  it("never hold the patient's id", async function () {
    this.timeout(60_000);
    await initCodecs();
    for (const row of readTable("golden.csv")) {
      const instance = openDicom(readShared(row.path ?? ""));
      const text = JSON.stringify(instance.attributes(key));
      const patientId = readTableRow(row.path ?? "").patient_id ?? "";
      if (patientId.length > 4) assert.ok(!text.includes(patientId), row.path);
    }
  });
});

let manifest: Map<string, Record<string, string>> | undefined;
function readTableRow(file: string): Record<string, string> {
  manifest ??= new Map(readTable("manifest.csv").map((row) => [row.path ?? "", row]));
  return manifest.get(file) ?? {};
}
