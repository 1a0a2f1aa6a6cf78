/** Zip archives and DICOMDIRs as sources of files. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import dcmjs from "dcmjs";
import type { Found } from "../../cli/ingest/found.js";
import { findFiles } from "../../cli/ingest/sources.js";
import { ARCHIVE_LIMITS, zipEntries } from "../../cli/ingest/zip-archive.js";
import { type ZipItem, zipOf } from "./zip-writer.js";

async function collect(found: AsyncIterable<Found>): Promise<Found[]> {
  const all: Found[] = [];
  for await (const one of found) all.push(one);
  return all;
}

describe("archives", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "dafh-archives-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const archive = async (...items: ZipItem[]) => {
    const path = join(root, "images.zip");
    await writeFile(path, zipOf(items));
    return path;
  };
  const refusalOf = (found: readonly Found[]) => {
    const refused = found.flatMap((one) => (one.kind === "refused" ? [one.error] : []));
    assert.equal(refused.length, 1);
    return refused[0];
  };

  describe("a zip", () => {
    it("gives its files one by one, under the archive's name and their own", async () => {
      const path = await archive(
        { name: "study/", content: new Uint8Array() },
        { name: "study/1.dcm", content: Buffer.from("first") },
        { name: "../../etc/ö", content: Buffer.from("second") },
      );
      const found = await collect(findFiles([path], []));
      assert.deepEqual(
        found.map((one) => one.path),
        [`${path}!/study/1.dcm`, `${path}!/../../etc/ö`],
      );
      const contents = await Promise.all(
        found.map(async (one) => {
          const source = one.kind === "file" ? await one.open() : undefined;
          return source !== undefined && "bytes" in source ? Buffer.from(source.bytes).toString() : "";
        }),
      );
      assert.deepEqual(contents, ["first", "second"]);
    });

    it("refuses an entry that inflates beyond measure, without inflating it", async () => {
      const path = await archive({ name: "bomb", content: new Uint8Array(ARCHIVE_LIMITS.ratioFromBytes + 1) });
      assert.equal(refusalOf(await collect(zipEntries(path)))?.code, "LIMIT_EXCEEDED");
    });

    it("refuses an entry that is larger than the limit", async () => {
      const path = await archive({ name: "large", content: Buffer.from("12345") });
      assert.equal(
        refusalOf(await collect(zipEntries(path, { ...ARCHIVE_LIMITS, entryBytes: 4 })))?.code,
        "FILE_TOO_LARGE",
      );
    });

    it("refuses an entry that holds more than it states", async () => {
      const path = await archive({ name: "liar", content: Buffer.alloc(1_000, "x"), statedSize: 10 });
      const [only] = await collect(zipEntries(path));
      assert.ok(only?.kind === "file");
      await assert.rejects(only.open(), { code: "FILE_UNREADABLE" });
    });

    it("ends at entries that share their bytes", async () => {
      const content = Buffer.from(Array.from({ length: 4_000 }, (_, index) => (index * 7919) % 251));
      const shared = Array.from({ length: 50 }, (_, index) => ({
        name: `copy-${index}`,
        content,
        overlapsFirst: true,
      }));
      const found = await collect(zipEntries(await archive({ name: "first", content }, ...shared)));
      assert.equal(refusalOf(found)?.code, "LIMIT_EXCEEDED");
      assert.ok(found.length < 50);
    });

    it("ends after the most entries that it takes", async () => {
      const path = await archive(...["a", "b", "c"].map((name) => ({ name, content: Buffer.from(name) })));
      const found = await collect(zipEntries(path, { ...ARCHIVE_LIMITS, entries: 2 }));
      assert.equal(found.filter(({ kind }) => kind === "file").length, 2);
      assert.equal(refusalOf(found)?.code, "LIMIT_EXCEEDED");
    });

    it("names an encrypted entry and takes the others", async () => {
      const content = Buffer.from("content");
      const path = await archive({ name: "secret", content, encrypted: true }, { name: "open", content });
      const found = await collect(zipEntries(path));
      assert.deepEqual(
        found.map(({ kind }) => kind),
        ["refused", "file"],
      );
    });

    it("is refused when it is cut off", async () => {
      const path = join(root, "cut.zip");
      await writeFile(path, zipOf([{ name: "a", content: Buffer.from("a") }]).subarray(0, 40));
      assert.equal(refusalOf(await collect(findFiles([path], [])))?.code, "FILE_UNREADABLE");
    });
  });

  describe("a DICOMDIR", () => {
    const write = async (...references: string[][]) => {
      const path = join(root, "DICOMDIR");
      const dataset = {
        _meta: {
          MediaStorageSOPClassUID: { vr: "UI", Value: ["1.2.840.10008.1.3.10"] },
          MediaStorageSOPInstanceUID: { vr: "UI", Value: ["1.2.3"] },
          TransferSyntaxUID: { vr: "UI", Value: ["1.2.840.10008.1.2.1"] },
        },
        FileSetID: "TEST",
        DirectoryRecordSequence: [
          { DirectoryRecordType: "PATIENT", PatientID: "SYN" },
          ...references.map((components) => ({ DirectoryRecordType: "IMAGE", ReferencedFileID: components })),
        ],
      };
      await writeFile(path, dcmjs.data.datasetToBuffer(dataset));
      return path;
    };

    it("gives the files it names, also where their names are lower case on disk", async () => {
      await mkdir(join(root, "dicom", "ser1"), { recursive: true });
      await writeFile(join(root, "dicom", "ser1", "im1"), "one");
      await writeFile(join(root, "OTHER"), "not named");
      const found = await collect(findFiles([await write(["DICOM", "SER1", "IM1"], ["DICOM", "SER1", "IM2"])], []));
      assert.deepEqual(
        found.map(({ kind, path }) => [kind, path.slice(root.length + 1)]),
        [
          ["file", "dicom/ser1/im1"],
          ["refused", "DICOM/SER1/IM2"],
        ],
      );
    });

    it("does not lead out of its folder", async () => {
      const found = await collect(findFiles([await write(["..", "..", "ETC", "PASSWD"])], []));
      assert.equal(refusalOf(found)?.code, "ATTRIBUTE_INVALID");
    });

    it("that names nothing is refused", async () => {
      assert.equal(refusalOf(await collect(findFiles([await write()], [])))?.code, "DICOMDIR");
    });
  });
});
