/** The adversary's test: what is planted anywhere in a file is nowhere in what is written, nor in what is said. */
import assert from "node:assert/strict";
import { DEIDENTIFICATION_PROFILES, deidentify } from "../../../encoder/dicom/deidentify/index.js";
import { listedAction } from "../../../encoder/dicom/deidentify/profile.js";
import { PROFILE_TABLE } from "../../../encoder/dicom/deidentify/profile-table.generated.js";
import { openDicom } from "../../../encoder/dicom/index.js";
import { DafhError } from "../../../schemas/index.js";
import { type MarkerScript, markersIn, plantedFile, SCRIPTS } from "./planted-file.js";
import { everywhere, hostileMeta, type Plant, Planter } from "./planting.js";

const key = Buffer.alloc(32, 1);
const { strict, research, hospital } = DEIDENTIFICATION_PROFILES;

function plant(script: MarkerScript, explicitVr: boolean) {
  const planter = new Planter(script);
  const elements = everywhere(planter, script.characterSet, explicitVr);
  const file = plantedFile(elements, {
    explicitVr,
    preamble: planter.raw("preamble", 128),
    meta: hostileMeta(planter),
    trailer: planter.raw("behind the dataset"),
  });
  return { file: Buffer.from(file), plants: planter.plants };
}

/** Times of day are the same for many values; dates, UIDs, numbers and markers are not. */
function found(data: Buffer, plants: readonly Plant[]): string[] {
  const markers = markersIn(data);
  return plants
    .filter(
      ({ digits, literal }) =>
        (digits !== undefined && markers.has(digits)) || (literal !== undefined && data.includes(literal)),
    )
    .map(({ where, tag, vr }) => `${where}: ${tag.toString(16).padStart(8, "0")} ${vr}`);
}

describe("de-identification against an adversary", () => {
  for (const script of SCRIPTS) {
    for (const explicitVr of [true, false]) {
      const form = `${script.name}, ${explicitVr ? "explicit" : "implicit"} VR`;

      it(`lets no marker through the strict profile (${form})`, () => {
        const { file, plants } = plant(script, explicitVr);
        assert.ok(plants.length > 4 * 600, `${plants.length} markers`);
        const searched = plants.filter(({ digits, literal }) => digits !== undefined || literal !== undefined);
        assert.equal(found(file, plants).length, searched.length, "all are planted");
        const output = Buffer.concat(deidentify(file, { profile: strict, key }).parts);
        assert.deepEqual(found(output, plants), []);
      });

      it(`lets only what an option retains through the research profile (${form})`, () => {
        const { file, plants } = plant(script, explicitVr);
        const output = Buffer.concat(deidentify(file, { profile: research, key }).parts);
        const listed = new Set(PROFILE_TABLE.map(([tag]) => tag as number));
        const retained = (tag: number, vr: string) => listed.has(tag) && listedAction(tag, vr, research) === "keep";
        const removed = plants
          // Moved by whole days, times of day stay and one date may become what another was (`profiles.test.ts` looks at
          // dates one by one); the codes of a retained sequence stay too.
          .filter(({ vr }) => vr !== "TM" && vr !== "DA")
          .filter(({ where, tag, vr }) => !retained(tag, vr) && !where.endsWith("in 102161"))
          // A DT's fraction of a second is its own, its day is not.
          .map((plant) =>
            plant.vr === "DT" && plant.literal !== undefined
              ? { ...plant, literal: plant.literal.slice(0, 14) }
              : plant,
          );
        assert.ok(removed.length > 4 * 450, `${removed.length}`);
        assert.deepEqual(found(output, removed), []);
      });
    }
  }

  it("leaves no UID, name or number of the patient to the hospital profile but what it retains", () => {
    const [script] = SCRIPTS;
    assert.ok(script !== undefined);
    const { file, plants } = plant(script, true);
    const output = Buffer.concat(deidentify(file, { profile: hospital, key }).parts);
    const names = plants.filter(({ tag, vr }) => vr === "PN" || tag === 0x00100020 || tag === 0x00101000);
    assert.ok(names.length > 60);
    assert.deepEqual(found(output, names), []);
  });

  it("removes each listed attribute that the strict profile removes, wherever it stands", () => {
    const [script] = SCRIPTS;
    assert.ok(script !== undefined);
    const { file } = plant(script, true);
    const output = Buffer.concat(deidentify(file, { profile: strict, key }).parts);
    const pixelFree = output.subarray(132);
    for (const [tag, keyword, basic] of PROFILE_TABLE) {
      if (basic !== "X") continue;
      const header = Buffer.alloc(4);
      header.writeUInt16LE(tag >>> 16, 0);
      header.writeUInt16LE(tag & 0xffff, 2);
      // A tag's four bytes, two letters behind them: what an element's header looks like and no value here does.
      for (let at = pixelFree.indexOf(header); at >= 0; at = pixelFree.indexOf(header, at + 1)) {
        assert.doesNotMatch(pixelFree.toString("latin1", at + 4, at + 6), /^[A-Z]{2}$/, keyword);
      }
    }
  });

  it("writes a file that reads as the same image", () => {
    for (const explicitVr of [true, false]) {
      const [script] = SCRIPTS;
      assert.ok(script !== undefined);
      const { file } = plant(script, explicitVr);
      const output = Buffer.concat(deidentify(file, { profile: strict, key }).parts);
      assert.deepEqual([...openDicom(output).storedFrame(1).values], [1, 2, 3, 4]);
      assert.deepEqual(openDicom(output).warnings, []);
    }
  });

  it("says nothing of what a damaged file holds", () => {
    const [script] = SCRIPTS;
    assert.ok(script !== undefined);
    const { file, plants } = plant(script, true);
    let refused = 0;
    for (let length = 0; length < file.length; length += 997) {
      try {
        const output = Buffer.concat(deidentify(file.subarray(0, length), { profile: strict, key }).parts);
        assert.deepEqual(found(output, plants), []);
      } catch (error) {
        assert.ok(error instanceof DafhError, String(error));
        const said = Buffer.from(
          `${error.message} ${JSON.stringify(error.toBody())} ${error.stack} ${String(error.cause)}`,
        );
        assert.deepEqual(found(said, plants), [], error.message);
        refused += 1;
      }
    }
    assert.ok(refused > 20);
  });
});
