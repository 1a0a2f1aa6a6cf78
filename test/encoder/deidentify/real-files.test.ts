/** Real files through the strict profile: the same pixels, nothing that named the patient, and tools that read them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DEIDENTIFICATION_PROFILES, deidentify } from "../../../encoder/dicom/deidentify/index.js";
import { type DicomInstance, initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { DafhError } from "../../../schemas/index.js";
import { describeWithSharedData, dicomRoot, readShared, readTable } from "../dicom/shared-data.js";

const key = Buffer.alloc(32, 3);
const options = { profile: { ...DEIDENTIFICATION_PROFILES.strict, pixels: "keep" as const }, key };

/** undefined where it is refused. */
function attempt<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    assert.ok(error instanceof DafhError, String(error));
    return undefined;
  }
}

/** DCMTK's reader, and dicom3tools' validator of IODs. */
const TOOLS = [["dcmdump"], ["dciodvfy"]] as const;

/** Files whose original a tool cannot read at all, so that what it says of the readable copy is all new. */
const EXPECTED_COMPLAINTS = new Set([
  "_hard/derived__wrong_ts_says_bigendian.dcm",
  // dciodvfy loses its way in deflated datasets: it finds no object in the original either.
  "derived+enhanced/pet_deflated.dcm",
]);

const firstDigest = (instance: DicomInstance): string => instance.pixelSha256(1);

describeWithSharedData("de-identified real files", () => {
  const rows = readTable("manifest.csv");
  before(() => initCodecs());

  it("hold the very pixels of the original, and none of its identifiers", function () {
    this.timeout(300_000);
    let compared = 0;
    for (const {
      path: file = "",
      patient_id: patientId = "",
      study_uid: studyUid = "",
      sop_instance_uid: uid = "",
    } of rows) {
      const original = readShared(file);
      const result = attempt(() => deidentify(original, options));
      if (result === undefined) continue;
      const output = Buffer.concat(result.parts);
      assert.equal(output.length, result.byteLength, file);
      for (const identifier of [studyUid, uid, patientId.length > 5 ? patientId : ""]) {
        // A short one could be any number; a UID may begin another's.
        if (identifier.length > 12 || /[A-Za-z]/.test(identifier)) {
          assert.ok(!output.includes(Buffer.from(`${identifier}\0`)), file);
        }
      }
      const [before, after] = [original, output].map((data) => attempt(() => firstDigest(openDicom(data))));
      if (before === undefined) continue;
      assert.equal(after, before, file);
      compared += 1;
    }
    assert.ok(compared > 580, `${compared} images compared`);
  });

  it("keep compressed pixel data bit for bit", () => {
    const compressed = rows.filter(({ transfer_syntax: syntax = "" }) =>
      /^1\.2\.840\.10008\.1\.2\.(?:4|5)/.test(syntax),
    );
    let kept = 0;
    for (const { path: file = "" } of compressed) {
      const original = Buffer.from(readShared(file));
      const start = original.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00]));
      const end = original.lastIndexOf(Buffer.from([0xfe, 0xff, 0xdd, 0xe0]));
      const output = attempt(() => Buffer.concat(deidentify(original, options).parts));
      if (output === undefined || start < 0 || end <= start) continue;
      assert.ok(output.includes(original.subarray(start, end + 8)), file);
      kept += 1;
    }
    assert.ok(kept > 40, `${kept} files`);
  });

  for (const [tool, ...parameters] of TOOLS) {
    it(`give ${tool} nothing new to complain of [skipped where it is not installed]`, function () {
      this.timeout(600_000);
      if (spawnSync(tool).error !== undefined) this.skip();
      const folder = mkdtempSync(path.join(tmpdir(), "dafh-deid-"));
      const place = path.join(folder, "file.dcm");
      try {
        // DAFH_TEST_ALL: every file, which takes some minutes.
        const step = process.env.DAFH_TEST_ALL === undefined ? 20 : 1;
        for (const { path: file = "" } of rows.filter((_, index) => index % step === 0)) {
          for (const profile of [DEIDENTIFICATION_PROFILES.strict, DEIDENTIFICATION_PROFILES.research]) {
            const result = attempt(() =>
              deidentify(readShared(file), { profile: { ...profile, pixels: "keep" }, key }),
            );
            if (result === undefined || EXPECTED_COMPLAINTS.has(file)) continue;
            const before = complaints(tool, [...parameters, path.join(dicomRoot, file)]);
            writeFileSync(place, Buffer.concat(result.parts));
            const fresh = [...complaints(tool, [...parameters, place])].filter((line) => !before.has(line));
            assert.deepEqual(fresh, [], `${file}, profile ${profile.name}`);
          }
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

/** What a tool calls an error, without the values and places that differ from file to file. */
function complaints(tool: string, parameters: readonly string[]): Set<string> {
  const { stdout, stderr } = spawnSync(tool, parameters, { encoding: "latin1", maxBuffer: 2 ** 28 });
  const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => /^(?:Error|E:)/.test(line));
  return new Set(lines.map((line) => line.replace(/<[^>]*>|0x[0-9a-f]+|= ?\S+|\d+/g, "#")));
}
