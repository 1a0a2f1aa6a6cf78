/** The attributes that ingestion stores tell the same as the files that `dafh deidentify` writes. */
import assert from "node:assert/strict";
import {
  DEIDENTIFICATION_PROFILES,
  deidentifiedAttributes,
  deidentify,
} from "../../../encoder/dicom/deidentify/index.js";
import { listedTag } from "../../../encoder/dicom/deidentify/profile.js";
import { PROFILE_EDITION, PROFILE_TABLE } from "../../../encoder/dicom/deidentify/profile-table.generated.js";
import { openDicom } from "../../../encoder/dicom/index.js";
import { plantedFile, text } from "./planted-file.js";
import { IMAGE } from "./planting.js";

const key = Buffer.alloc(32, 7);
const { strict, research, hospital } = DEIDENTIFICATION_PROFILES;
const file = plantedFile([
  ...IMAGE,
  text(0x00080018, "UI", "1.2.3.4"),
  text(0x00080020, "DA", "20240229"),
  text(0x00080060, "CS", "MR"),
  text(0x00081090, "LO", "Skyra"),
  text(0x00100020, "LO", "4711"),
  text(0x00100040, "CS", "F"),
  text(0x00101010, "AS", "045Y"),
  text(0x0020000d, "UI", "1.2.3"),
  text(0x0020000e, "UI", "1.2.3.1"),
  text(0x00200052, "UI", "1.2.3.9"),
]);
const attributes = openDicom(file).attributes(key);

describe("attributes of an instance", () => {
  for (const profile of [strict, research, hospital]) {
    it(`tell the same as the file does under the profile ${profile.name}`, () => {
      const stored = deidentifiedAttributes(attributes, { profile, key });
      const output = Buffer.concat(deidentify(file, { profile, key }).parts);
      const { patientKey: _, ...read } = openDicom(output).attributes(key);
      const { patientKey, ...rest } = stored;
      assert.deepEqual(rest, read);
      assert.equal(patientKey, attributes.patientKey, "it is a pseudonym already");
    });
  }

  it("lose under the strict profile what could be matched, and keep what the image is", () => {
    const stored = deidentifiedAttributes(attributes, { profile: strict, key });
    assert.deepEqual([stored.studyDate, stored.patientSex, stored.patientAgeYears], [undefined, undefined, undefined]);
    assert.match(stored.sopInstanceUid ?? "", /^2\.25\./);
    assert.deepEqual([stored.modality, stored.manufacturerModelName, stored.rows], ["MR", "Skyra", 2]);
    assert.ok(!JSON.stringify(stored).includes("1.2.3.4"));
  });

  it("are the same under the hospital profile", () => {
    assert.deepEqual(deidentifiedAttributes(attributes, { profile: hospital, key }), attributes);
  });
});

describe("the profile's table", () => {
  it("is a whole one, and names its edition", () => {
    assert.match(PROFILE_EDITION, /^PS3\.15 20\d\d[a-z]$/);
    assert.ok(PROFILE_TABLE.length > 620);
    assert.equal(new Set(PROFILE_TABLE.map(([tag]) => tag)).size, PROFILE_TABLE.length);
    assert.equal(listedTag("PatientName"), 0x00100010);
    assert.deepEqual(
      PROFILE_TABLE.find(([tag]) => tag === 0x00080050),
      [0x00080050, "AccessionNumber", "Z"],
    );
  });
});
