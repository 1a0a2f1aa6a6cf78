/** What scripts may count on of the commands: their JSON, their exit codes, and that nothing else is on standard output. */
import assert from "node:assert/strict";
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { runProgram } from "../../cli/program.js";
import { syntheticImages, writeImage } from "./cohort.js";
import {
  dafh,
  dafhJson,
  type ErrorDocument,
  type IngestDocument,
  newFolder,
  removeFolder,
  type SearchDocument,
} from "./dafh.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("the commands' contract", function () {
  this.timeout(120_000);
  let folder: string;
  let images: string;
  let data: string;
  let image: string;
  const at = (...more: string[]) => [...more, "--data", data];

  before(async () => {
    folder = await newFolder();
    images = join(folder, "images");
    data = join(folder, "data");
    const cohort = await syntheticImages({ patients: 2, slices: 2 });
    const paths = await Promise.all(cohort.map((one) => writeImage(images, one)));
    image = paths.find((path) => path.includes("SYN-01/CT_CHEST")) ?? "";
    await writeFile(join(images, "notes.txt"), "No image.");
  });
  after(() => removeFolder(folder));

  it("search of an empty data folder fails and says that nothing was ingested", async () => {
    const { code, document } = await dafhJson<ErrorDocument>(at("search", image));
    assert.equal(code, 1);
    assert.equal(document.error.code, "COLLECTION_MISSING");
  });

  it("ingest tells what it stored, names what it refused and ends with 3", async () => {
    const { code, document } = await dafhJson<IngestDocument>(at("ingest", images));
    assert.equal(code, 3);
    const { files, instances, frames, refused, refusedByCode, unchanged } = document;
    assert.deepEqual(
      { files, instances, frames, new: document.new, unchanged },
      { files: 37, instances: 36, frames: 36, new: 36, unchanged: 0 },
    );
    assert.deepEqual(
      refused.map(({ path, code: reason }) => [path, reason]),
      [[join(images, "notes.txt"), "NOT_DICOM"]],
    );
    assert.deepEqual(refusedByCode, { NOT_DICOM: 1 });
    assert.ok(document.seconds > 0);
  });

  it("ingest of the same folder again stores nothing and encodes nothing", async () => {
    const { code, document } = await dafhJson<IngestDocument>(at("ingest", join(images, "SYN-01")));
    assert.equal(code, 0);
    assert.deepEqual([document.files, document.new, document.unchanged], [18, 0, 18]);
  });

  it("ingest says the same to people", async () => {
    const { code, stdout } = await dafh(at("ingest", images));
    assert.equal(code, 3);
    assert.match(stdout, /^37 files in .* 36 images \(36 frames\), 0 new, 36 unchanged; 1 refused\./);
    assert.match(stdout, /NOT_DICOM \(1\)/);
    assert.ok(stdout.includes("notes.txt"));
  });

  let nearest: string;
  it("search gives ranked results with everything a script needs", async () => {
    const { code, document } = await dafhJson<SearchDocument>(at("search", image, "--limit", "5"));
    assert.equal(code, 0);
    assert.equal(document.query.path, image);
    assert.match(String(document.query.code), /^[0-9a-f]{16}$/);
    assert.equal(document.plan.mode, "two-stage");
    assert.deepEqual(
      document.results.map(({ rank }) => rank),
      [1, 2, 3, 4, 5],
    );
    const [first] = document.results;
    assert.ok(first !== undefined);
    assert.match(first.id, UUID);
    assert.equal(first.hammingDistance, 0);
    assert.ok(Math.abs(first.score - 1) < 1e-3);
    assert.equal(first.path, image);
    assert.equal(first.modality, "CT");
    assert.equal(first.frame, 1);
    assert.equal(first.payload.sopInstanceUid, first.sopInstanceUid);
    assert.equal(first.payload.synthetic, true);
    assert.equal(first.payload.patientName, undefined);
    for (const name of ["encode", "engine", "total"]) assert.equal(typeof document.timingsMs[name], "number");
    nearest = first.id;
  });

  it("search keeps to the modalities and the filter it is given", async () => {
    const { document: byModality } = await dafhJson<SearchDocument>(
      at("search", image, "--modality", "mr,PT", "--limit", "50"),
    );
    assert.equal(byModality.results.length, 24);
    for (const { modality } of byModality.results) assert.ok(modality === "MR" || modality === "PT");
    const filter = JSON.stringify({ must: [{ key: "bodyPartExamined", match: { value: "KNEE" } }] });
    const { document: byFilter } = await dafhJson<SearchDocument>(at("search", image, "--filter", filter));
    assert.equal(byFilter.results.length, 4);
    for (const { payload } of byFilter.results) assert.equal(payload.bodyPartExamined, "KNEE");
  });

  it("search by a stored image leaves it out", async () => {
    const { code, document } = await dafhJson<SearchDocument>(at("search", "--id", nearest, "--mode", "hamming"));
    assert.equal(code, 0);
    assert.equal(document.query.id, nearest);
    assert.ok(document.results.every(({ id }) => id !== nearest));
    for (const { score, hammingDistance } of document.results) assert.equal(score, 64 - 2 * hammingDistance);
  });

  it("search groups by series", async () => {
    const { document } = await dafhJson<SearchDocument>(
      at("search", image, "--group", "series", "--limit", "3", "--group-size", "2"),
    );
    assert.equal(document.groups?.length, 3);
    for (const { key, results } of document.groups ?? []) {
      assert.ok(results.length > 0 && results.every(({ payload }) => payload.seriesInstanceUid === key));
    }
  });

  it("search prints a table for people", async () => {
    const { code, stdout } = await dafh(at("search", image, "--limit", "3"));
    assert.equal(code, 0);
    const [header, first] = stdout.split("\n");
    assert.match(header ?? "", /^rank +hamming +score +modality/);
    assert.match(first ?? "", /^ +1 +0 +1\.0000 +CT +CHEST/);
    assert.match(stdout, /ms in Qdrant/);
  });

  it("inspect shows what the decoder saw, one document a file, and names the file it refuses", async () => {
    const notes = join(images, "notes.txt");
    const { code, stdout } = await dafh(at("inspect", image, notes, "--json"));
    assert.equal(code, 3);
    const [seen, refused] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(seen.path, image);
    assert.deepEqual([seen.frame, seen.frames, seen.rows, seen.columns, seen.samplesPerPixel], [1, 1, 192, 192, 1]);
    assert.equal(seen.units, "HU");
    assert.match(seen.stored.sha256, /^[0-9a-f]{64}$/);
    assert.ok(seen.stored.min <= seen.stored.mean && seen.stored.mean <= seen.stored.max);
    assert.deepEqual([refused.path, refused.error.code], [notes, "NOT_DICOM"]);
  });

  it("encode gives the code that search and ingest use", async () => {
    const { code, document } = await dafhJson<{ code: string; hash: string; features: string; frame: number }>(
      at("encode", image),
    );
    assert.equal(code, 0);
    const hash = floats(document.hash);
    assert.equal(hash.length, 64);
    assert.equal(floats(document.features).length, 256);
    const bits = hash.map((value) => (value > 0 ? "1" : "0")).join("");
    assert.equal(BigInt(`0b${bits}`).toString(16).padStart(16, "0"), document.code);
    const { document: search } = await dafhJson<SearchDocument>(at("search", image, "--limit", "1"));
    assert.equal(search.query.code, document.code);
    assert.equal(search.results[0]?.payload.code, document.code);
  });

  const BAD_USAGE: readonly (readonly [string, readonly string[]])[] = [
    ["no query", ["search"]],
    ["two queries", ["search", "a.dcm", "--id", "7b1c8e0a-58a1-5f0e-9a57-0a4f3f2f9d11"]],
    ["limit 0", ["search", "a.dcm", "--limit", "0"]],
    ["limit 10⁹", ["search", "a.dcm", "--limit", "1000000000"]],
    ["a filter that is not JSON", ["search", "a.dcm", "--filter", "modality=CT"]],
    ["PET for PT", ["search", "a.dcm", "--modality", "PET"]],
    ["a mode that is none", ["search", "a.dcm", "--mode", "guess"]],
    ["an option that is none", ["ingest", "a", "--recursive"]],
    ["a command that is none", ["digest"]],
    ["nothing to ingest", ["ingest"]],
  ];
  for (const [what, args] of BAD_USAGE) {
    it(`refuses ${what} as bad usage`, async () => {
      const { code, stdout, stderr } = await inProcess([...args, "--json"]);
      assert.equal(code, 2);
      assert.ok((JSON.parse(stdout) as ErrorDocument).error.message.length > 0);
      assert.ok(stderr.length > 0);
    });
  }

  it("shows its help, and each command's, with exit code 0", async () => {
    for (const words of [["--help"], ["ingest", "--help"], ["--version"]]) {
      const { code, stdout } = await inProcess(words);
      assert.equal(code, 0);
      assert.ok(stdout.length > 0);
    }
  });

  for (const name of [
    "ingest",
    "search",
    "inspect",
    "deidentify",
    "encode",
    "eval",
    "serve",
    "encoder",
    "doctor",
    "purge",
  ]) {
    it(`shows two examples in the help of ${name}, and the range of every number`, async () => {
      const { stdout } = await inProcess([name, "--help"]);
      const [options = "", examples = ""] = stdout.split("\nExamples:\n");
      assert.equal(examples.trim().split("\n").length, 2);
      const numbers = options.split(/\n +(?=-)/).filter((option) => /^--\S+ <(?:n|bits)>/.test(option));
      for (const option of numbers) assert.match(option.replace(/\s+/g, " "), /\(\d+ to \d+\)/);
    });
  }

  it("ingest of what is not there fails before anything is made", async () => {
    const nowhere = join(folder, "nowhere");
    const { code, stdout } = await inProcess(["ingest", join(folder, "gone"), "--data", nowhere, "--json"]);
    assert.equal(code, 1);
    const { error } = JSON.parse(stdout) as ErrorDocument;
    assert.equal(error.code, "FILE_UNREADABLE");
    await assert.rejects(access(nowhere), { code: "ENOENT" });
  });

  it("gives bad usage its exit code as a process as well", async () => {
    assert.equal((await dafh(["search"])).code, 2);
  });

  it("refuses a filter over a field that is none as bad usage", async () => {
    const filter = JSON.stringify({ must: [{ key: "patientName", match: { value: "DOE" } }] });
    const { code, document } = await dafhJson<ErrorDocument>(at("search", image, "--filter", filter));
    assert.equal(code, 2);
    assert.equal(document.error.code, "UNKNOWN_FIELD");
  });

  it("fails on a query file that is no image, by its code", async () => {
    const { code, document } = await dafhJson<ErrorDocument>(at("search", join(images, "notes.txt")));
    assert.equal(code, 1);
    assert.equal(document.error.code, "NOT_DICOM");
  });

  it("refuses settings that cannot be, naming the variable", async () => {
    const { code, stderr } = await inProcess(["search", image], { QDRANT_URL: "localhost" });
    assert.equal(code, 2);
    assert.match(stderr, /QDRANT_URL/);
  });
});

/** The program without a process of its own: for what fails before anything is opened. */
async function inProcess(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const [stdout, stderr] = [new PassThrough().setEncoding("utf8"), new PassThrough().setEncoding("utf8")];
  let code: number | undefined;
  const exitWith = (given: number) => {
    code = given;
  };
  await runProgram(words, { environment, streams: { stdout, stderr }, exitWith });
  return { code, stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") };
}

/** Float32, little endian. */
function floats(base64: string): number[] {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
