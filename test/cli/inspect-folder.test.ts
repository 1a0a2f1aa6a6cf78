/** `dafh inspect FOLDER`: its series as they lie in space, for programs and for people. */
import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Series } from "../../encoder/index.js";
import { writeFile as dicomFile, SMALL_IMAGE } from "../encoder/dicom/written.js";
import { dafh, dafhJson, newFolder, removeFolder } from "./dafh.js";

interface FolderDocument {
  readonly path: string;
  readonly series: readonly Series[];
  readonly refused: readonly { readonly path: string; readonly code: string }[];
}

describe("a folder, inspected", function () {
  this.timeout(60_000);
  let folder: string;

  before(async () => {
    folder = await newFolder();
    // Stored from the head down, with one slice missing; instance numbers count as they were stored.
    for (const [index, mm] of [12, 10, 8, 4, 2].entries()) {
      const place = { ImagePositionPatient: `0\\0\\${mm}`, ImageOrientationPatient: "1\\0\\0\\0\\1\\0" };
      const name = { SeriesInstanceUID: "1.2.9", InstanceNumber: String(index + 1) };
      await writeFile(join(folder, `${index + 1}.dcm`), dicomFile({ ...SMALL_IMAGE, ...place, ...name }));
    }
    await copyFile(join(folder, "1.dcm"), join(folder, "copy.dcm"));
    await writeFile(join(folder, "notes.txt"), "taken on a rainy day");
  });
  after(() => removeFolder(folder));

  it("lists each series in spatial order, with its gap and its copy, and names what is no image", async () => {
    const { code, document } = await dafhJson<FolderDocument>(["inspect", folder]);
    assert.equal(code, 3);
    const [series] = document.series;
    const [stack] = series?.stacks ?? [];
    assert.equal(series?.seriesInstanceUid, "1.2.9");
    assert.deepEqual(
      stack?.slices.map(({ positionMm, instanceNumber }) => [positionMm, instanceNumber]),
      [
        [2, 5],
        [4, 4],
        [8, 3],
        [10, 2],
        [12, 1],
        [12, 1],
      ],
    );
    assert.deepEqual(stack?.gaps, [{ fromMm: 4, toMm: 8, missing: 1 }]);
    assert.deepEqual(stack?.repeated, [{ positionMm: 12, frames: 2 }]);
    assert.deepEqual(
      document.refused.map(({ code }) => code),
      ["NOT_DICOM"],
    );
  });

  it("says the same to people", async () => {
    const { stdout } = await dafh(["inspect", folder]);
    assert.match(stdout, /series 1\.2\.9, MR\n {4}6 slices from 2 to 12 mm, 2 mm apart/);
    assert.match(stdout, /gap: 1 missing between 4 and 8 mm/);
    assert.match(stdout, /2 at 12 mm/);
    assert.ok(stdout.indexOf("5.dcm") < stdout.indexOf("4.dcm"));
    assert.match(stdout, /NOT_DICOM \(1\)/);
  });
});
