/** Damaged files are de-identified or refused, nothing else; and what is written can be read again. */
import assert from "node:assert/strict";
import { DEIDENTIFICATION_PROFILES, deidentify } from "../../../encoder/dicom/deidentify/index.js";
import { DafhError } from "../../../schemas/index.js";
import { mutate } from "../dicom/mutations.js";
import { plantedFile, SCRIPTS } from "./planted-file.js";
import { everywhere, Planter } from "./planting.js";

const key = Buffer.alloc(32, 5);
const profiles = Object.values(DEIDENTIFICATION_PROFILES);
const MUTANTS = 600;

describe("de-identification of damaged files", () => {
  it(`ends in a file or in a refusal, ${MUTANTS} times`, function () {
    this.timeout(120_000);
    const [script] = SCRIPTS;
    assert.ok(script !== undefined);
    const [explicit, implicit] = [true, false].map((explicitVr) =>
      plantedFile(everywhere(new Planter(script), script.characterSet, explicitVr), { explicitVr }),
    );
    assert.ok(explicit !== undefined && implicit !== undefined);
    let written = 0;
    for (let seed = 0; seed < MUTANTS; seed++) {
      const damaged = seed % 2 === 0 ? mutate(explicit, implicit, seed) : mutate(implicit, explicit, seed);
      const profile = profiles[seed % profiles.length] ?? DEIDENTIFICATION_PROFILES.strict;
      let parts: readonly Uint8Array[];
      try {
        ({ parts } = deidentify(damaged, { profile, key }));
      } catch (error) {
        assert.ok(error instanceof DafhError, `seed ${seed}: ${String(error)}`);
        continue;
      }
      written += 1;
      deidentify(Buffer.concat(parts), { profile: { ...profile, pixels: "keep" }, key });
    }
    assert.ok(written > MUTANTS / 20, `${written} written`);
  });
});
