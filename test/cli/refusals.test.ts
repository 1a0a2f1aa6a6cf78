/** What a run remembers of the files that it refused, for the next. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Catalogue, openCatalogue } from "../../catalogue/index.js";
import type { FoundFile } from "../../cli/ingest/found.js";
import { Refusals } from "../../cli/ingest/refusals.js";
import { DafhError, type ErrorCode } from "../../schemas/index.js";
import { newFolder, removeFolder } from "./dafh.js";

describe("refused files", () => {
  let folder: string;
  let catalogue: Catalogue;
  beforeEach(async () => {
    folder = await newFolder();
    catalogue = openCatalogue({ dataDir: folder });
  });
  afterEach(async () => {
    await catalogue.close();
    await removeFolder(folder);
  });

  const file = (changes: Partial<FoundFile> = {}): FoundFile => ({
    kind: "file",
    path: join(folder, "a.dcm"),
    root: folder,
    size: 10,
    mtimeMs: 20,
    open: () => Promise.reject(new Error("nobody reads it")),
    ...changes,
  });
  const refuse = async (code: ErrorCode, judge = "1.0 net") => {
    const refusals = new Refusals(catalogue, judge);
    await refusals.note(file(), new DafhError(code, "these bytes"));
    await refusals.write();
  };

  it("are known again while the file and the judge are the same", async () => {
    await refuse("DICOM_TRUNCATED");
    const error = new Refusals(catalogue, "1.0 net").of(file());
    assert.deepEqual([error?.code, error?.message, error?.where.path], ["DICOM_TRUNCATED", "these bytes", file().path]);
  });

  it("are looked at anew when they change, or the version or the network does", async () => {
    await refuse("DICOM_TRUNCATED");
    const refusals = new Refusals(catalogue, "1.0 net");
    assert.equal(refusals.of(file({ size: 11 })), undefined);
    assert.equal(refusals.of(file({ mtimeMs: 21 })), undefined);
    assert.equal(new Refusals(catalogue, "1.1 net").of(file()), undefined);
  });

  for (const code of ["FILE_UNREADABLE", "DECODE_TIMEOUT", "DIGEST_MISMATCH", "INTERNAL"] as const) {
    it(`are not remembered for ${code}, which the file's bytes alone do not decide`, async () => {
      await refuse(code);
      assert.equal(new Refusals(catalogue, "1.0 net").of(file()), undefined);
    });
  }
});
