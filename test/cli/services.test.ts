/** The long-running commands: they say where they listen, work together, and end in order when they are told to. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { syntheticImages, writeImage } from "./cohort.js";
import { dafhJson, type IngestDocument, newFolder, removeFolder, type SearchDocument, startDafh } from "./dafh.js";

interface DoctorDocument {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly wayOut?: string;
  }[];
}

describe("the services on the command line", function () {
  this.timeout(120_000);
  let folder: string;
  let data: string;
  let image: string;
  before(async () => {
    folder = await newFolder();
    data = join(folder, "data");
    const cohort = await syntheticImages({ patients: 1, slices: 2 });
    const paths = await Promise.all(cohort.map((one) => writeImage(join(folder, "images"), one)));
    image = paths.find((path) => path.includes("MR_KNEE")) ?? "";
  });
  after(() => removeFolder(folder));

  const statusOf = (document: DoctorDocument, name: string) =>
    document.checks.find((check) => check.name.startsWith(name))?.status;

  it("doctor finds a new data folder sound, says that nothing is stored, and leaves nothing behind", async () => {
    const { code, document } = await dafhJson<DoctorDocument>(["doctor", "--data", data]);
    assert.equal(code, 0);
    assert.equal(document.ok, true);
    for (const name of ["node", "data folder", "encoder", "engine"]) assert.equal(statusOf(document, name), "ok", name);
    assert.equal(statusOf(document, "collection"), "warn");
    await assert.rejects(readFile(data), { code: "ENOENT" });
  });

  it("ingest and search work through an encoder service, and give the codes of this process's own", async () => {
    const service = startDafh(["encoder", "--port", "0", "--json"]);
    try {
      const { url } = JSON.parse(await service.firstLine) as { url: string };
      const remote = { ENCODER_URL: url };
      const { document, code } = await dafhJson<IngestDocument>(
        ["ingest", join(folder, "images"), "--data", data],
        remote,
      );
      assert.equal(code, 0);
      assert.equal(document.new, 18);
      const { document: local } = await dafhJson<SearchDocument>(["search", image, "--data", data, "--limit", "1"]);
      assert.equal(local.results[0]?.path, image);
      assert.equal(local.results[0]?.payload.code, local.query.code);
      const { document: doctor } = await dafhJson<DoctorDocument>(["doctor", "--data", data], remote);
      assert.equal(statusOf(doctor, "encoder (ENCODER_URL)"), "ok");
      assert.equal(statusOf(doctor, "collection"), "ok");
    } finally {
      service.child.kill("SIGTERM");
    }
    assert.equal((await service.ended).code, 0);
  });

  it("serve answers searches with the codes that ingest stored, shares its engine, and ends on SIGTERM", async () => {
    const gateway = startDafh(["serve", "--port", "0", "--data", data, "--json"]);
    try {
      const { url } = JSON.parse(await gateway.firstLine) as { url: string };
      const form = new FormData();
      form.set("image", new Blob([await readFile(image)]), "image");
      form.set("limit", "1");
      const response = await fetch(`${url}/v1/search`, { method: "POST", body: form });
      assert.equal(response.status, 200);
      const answer = (await response.json()) as SearchDocument;
      assert.equal(answer.results[0]?.hammingDistance, 0);
      assert.equal(answer.query.code, answer.results[0]?.payload.code);
      const { document } = await dafhJson<SearchDocument>(["search", image, "--data", data, "--limit", "1"]);
      assert.equal(document.query.code, answer.query.code);
    } finally {
      gateway.child.kill("SIGTERM");
    }
    const { code, stdout } = await gateway.ended;
    assert.equal(code, 0);
    assert.equal(stdout.trim().split("\n").length, 1, "only its address is on standard output");
  });

  it("doctor fails on what cannot be reached, and says what to do", async () => {
    const nobody = { QDRANT_URL: "http://127.0.0.1:9", ENCODER_URL: "" };
    const { code, document } = await dafhJson<DoctorDocument>(["doctor", "--data", data], nobody);
    assert.equal(code, 1);
    assert.equal(document.ok, false);
    const engine = document.checks.find(({ name }) => name === "engine (QDRANT_URL)");
    assert.equal(engine?.status, "fail");
    assert.match(engine?.message ?? "", /ENGINE_UNAVAILABLE/);
    assert.ok((engine?.wayOut ?? "").length > 0);
  });
});
