/**
 * A disc as it comes: thousands of files that are no images beside a hundred that are, a zip, a DICOMDIR, links that go
 * round in circles, names of every kind. All images are taken, all else is reported by reason; the next run is quick.
 */
import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import dcmjs from "dcmjs";
import { type WrittenDataset, words, writeFile as writeDicom } from "../encoder/dicom/written.js";
import { dafh, dafhJson, type IngestDocument, newFolder, removeFolder } from "./dafh.js";
import { zipOf } from "./zip-writer.js";

const IMAGES = 100;
/** Ten thousand take no other way, but a minute. */
const OTHERS = 2_000;
const ODD_NAMES = ["with spaces.dcm", "Übergröße.dcm", "two\nlines.dcm", "-dash.dcm", "日本.dcm", "no-extension"];

describe("a disc as it comes", function () {
  this.timeout(180_000);
  let folder: string;
  let disc: string;
  let data: string;
  let number = 0;

  /** Each another one. */
  const image = (): Uint8Array => {
    number += 1;
    const dataset: WrittenDataset = {
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
      SOPInstanceUID: `1.2.3.${number}`,
      Modality: "CT",
      PatientID: "P-1",
      Rows: 32,
      Columns: 32,
      SamplesPerPixel: 1,
      PhotometricInterpretation: "MONOCHROME2",
      BitsAllocated: 16,
      BitsStored: 16,
      HighBit: 15,
      PixelRepresentation: 0,
      PixelData: words(
        Array.from({ length: 32 * 32 }, (_, index) => ((index % 32) * number * 3 + (index >> 5) * 40) % 4096),
      ),
    };
    return writeDicom(dataset);
  };
  const put = async (content: Uint8Array | string, ...path: string[]): Promise<void> => {
    await mkdir(join(disc, ...path.slice(0, -1)), { recursive: true });
    await writeFile(join(disc, ...path), content);
  };
  const dicomdir = (...references: string[][]): Buffer =>
    dcmjs.data.datasetToBuffer({
      _meta: { TransferSyntaxUID: "1.2.840.10008.1.2.1" },
      SOPClassUID: "1.2.840.10008.1.3.10", // Goes into the file meta; a directory itself has none.
      FileSetID: "DISC",
      DirectoryRecordSequence: references.map((file) => ({ DirectoryRecordType: "IMAGE", ReferencedFileID: file })),
    });

  before(async () => {
    folder = await newFolder();
    [disc, data] = [join(folder, "disc"), join(folder, "data")];
    for (let index = 0; index < IMAGES; index++) await put(image(), `series ${index % 7}`, `${index}.dcm`);
    for (const name of ODD_NAMES) await put(image(), "odd names", name);
    for (let index = 0; index < OTHERS; index++)
      await put(`note ${index}`, "notes", String(index % 20), `${index}.txt`);
    for (let index = 0; index < 30; index++) await put(image().subarray(0, 400), "cut", `${index}.dcm`);
    await put("", "empty");
    await put(dicomdir(["SERIES"]), "DICOMDIR");
    await symlink(disc, join(disc, "notes", "up"));
    await symlink(join(disc, "round"), join(disc, "round"));
    await symlink(join(disc, "gone"), join(disc, "dangling"));
  });
  after(() => removeFolder(folder));

  const ingest = () => dafhJson<IngestDocument>(["ingest", disc, "--data", data, "--quiet"]);
  const refusedOfDisc = { NOT_DICOM: OTHERS, DICOM_TRUNCATED: 30, DICOMDIR: 1, FILE_EMPTY: 1, FILE_UNREADABLE: 2 };
  const images = IMAGES + ODD_NAMES.length;

  it("gives every image once, and names every other file with its reason", async () => {
    const { code, document } = await ingest();
    assert.equal(code, 3);
    assert.deepEqual([document.new, document.instances], [images, images]);
    assert.deepEqual(document.refusedByCode, refusedOfDisc);
    assert.equal(document.refused.length, OTHERS + 34);
    assert.equal(document.files, images + document.refused.length);
  });

  it("is told to people by reason, in a page", async () => {
    const { code, stdout } = await dafh(["ingest", disc, "--data", data, "--quiet"]);
    assert.equal(code, 3);
    assert.match(
      stdout,
      new RegExp(`^${images + OTHERS + 34} files in .* ${images} unchanged; ${OTHERS + 34} refused\\.`),
    );
    for (const [reason, count] of Object.entries(refusedOfDisc))
      assert.match(stdout, new RegExp(`^${reason} \\(${count}\\): `, "m"));
    assert.match(stdout, new RegExp(`and ${OTHERS - 5} more \\(--json names them all\\)`));
    assert.ok(stdout.split("\n").length < 60, stdout);
  });

  it("is not read again: the same answer from what is remembered", async () => {
    const { document } = await ingest();
    assert.deepEqual([document.new, document.unchanged], [0, images]);
    assert.deepEqual(document.refusedByCode, refusedOfDisc);
    // A file that has become an image since is looked at.
    await put(image(), "cut", "0.dcm");
    const after = await ingest();
    assert.deepEqual([after.document.new, after.document.refusedByCode.DICOM_TRUNCATED], [1, 29]);
  });

  it("is taken as a zip and through its DICOMDIR as well", async () => {
    await put(image(), "SERIES", "IM1");
    await put(image(), "SERIES", "IM2");
    await put(dicomdir(["SERIES", "IM1"], ["SERIES", "IM2"], ["SERIES", "IM3"]), "DICOMDIR");
    const zip = join(folder, "a study.zip");
    await writeFile(zip, zipOf(["1/a b.dcm", "1/ü.dcm", "2/c.dcm"].map((name) => ({ name, content: image() }))));
    const { code, document } = await dafhJson<IngestDocument>([
      "ingest",
      zip,
      join(disc, "DICOMDIR"),
      "--data",
      data,
      "--quiet",
    ]);
    assert.equal(code, 3);
    assert.equal(document.new, 5);
    assert.deepEqual(
      document.refused.map(({ path, code: reason }) => [path, reason]),
      [[join(disc, "SERIES", "IM3"), "FILE_UNREADABLE"]],
    );
  });
});
