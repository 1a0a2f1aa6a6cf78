/** The catalogue of a data folder: what it keeps, who may read it, and who may write when several processes want to. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type FileRecord, openCatalogue } from "../../catalogue/index.js";

const ID = "7b1c8e0a-58a1-5f0e-9a57-0a4f3f2f9d11";

describe("the catalogue", () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "dafh-catalogue-"));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it("keeps paths, previews and files over a restart", async () => {
    const record: FileRecord = {
      size: 12,
      mtimeMs: 1.5,
      contentDigest: "c",
      modelDigest: "m",
      frames: [{ id: ID, pixelDigest: "p" }],
      constantFrames: 2,
    };
    const first = openCatalogue({ dataDir });
    await first.putInstances([{ id: ID, path: "/images/a.dcm", frame: 2, preview: Uint8Array.of(1, 2, 3) }]);
    await first.putFile("/images/a.dcm", record);
    await first.close();

    const second = openCatalogue({ dataDir });
    assert.deepEqual(second.path(ID), { path: "/images/a.dcm", frame: 2 });
    assert.deepEqual([...(second.preview(ID) ?? [])], [1, 2, 3]);
    assert.equal(second.hasPreview(ID), true);
    assert.deepEqual(second.file("/images/a.dcm"), record);
    assert.equal(second.file("/images/b.dcm"), undefined);
    assert.equal(second.hasPreview("other"), false);
    await second.close();
  });

  it("keeps apart long paths that differ in their first letter only", async () => {
    const catalogue = openCatalogue({ dataDir });
    const record = (size: number): FileRecord => ({
      size,
      mtimeMs: 0,
      contentDigest: "",
      modelDigest: "",
      frames: [],
      constantFrames: 0,
    });
    const rest = "x".repeat(4_000);
    await catalogue.putFile(`a${rest}`, record(1));
    await catalogue.putFile(`b${rest}`, record(2));
    assert.equal(catalogue.file(`a${rest}`)?.size, 1);
    assert.equal(catalogue.file(`b${rest}`)?.size, 2);
    await catalogue.close();
  });

  it("makes one key for the site, readable by its owner alone", async () => {
    const [one, two] = [openCatalogue({ dataDir }), openCatalogue({ dataDir })];
    assert.equal(one.pseudonymKey.length, 32);
    assert.deepEqual(one.pseudonymKey, two.pseudonymKey);
    assert.equal((await stat(join(dataDir, "site.key"))).mode & 0o777, 0o600);
    assert.equal((await stat(dataDir)).mode & 0o777, 0o700);
    await one.close();
    await two.close();
  });

  it("refuses a key of the wrong length", async () => {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(dataDir, "site.key"), "short");
    assert.throws(() => openCatalogue({ dataDir }), { code: "FILE_UNREADABLE", message: /5 bytes/ });
  });

  it("keeps refusals with what they depend on", async () => {
    const refusal = { size: 3, mtimeMs: 1, judge: "1.0 net", code: "NOT_DICOM", message: "a text" } as const;
    const catalogue = openCatalogue({ dataDir });
    await catalogue.putRefusals(new Map([["/notes/a.txt", refusal]]));
    assert.deepEqual(catalogue.refusal("/notes/a.txt"), refusal);
    assert.equal(catalogue.refusal("/notes/b.txt"), undefined);
    await catalogue.close();
  });

  it("says so where a folder cannot be made, also where the system would have Node try for ever", function () {
    if (process.platform !== "linux") this.skip(); // there is no /proc
    const script = `
      import { openCatalogue } from ${JSON.stringify(new URL("../../catalogue/index.js", import.meta.url).href)};
      try { openCatalogue({ dataDir: "/proc/nope/data" }); } catch (error) { console.log(error.code); }`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
    assert.equal(String(stdout).trim(), "FILE_UNREADABLE");
  });

  it("lets one work at a time", async () => {
    const catalogue = openCatalogue({ dataDir });
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await delay(5);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => catalogue.exclusively(work)));
    assert.equal(most, 1);
    await catalogue.close();
  });

  it("lets the next one in when work fails", async () => {
    const catalogue = openCatalogue({ dataDir });
    await assert.rejects(
      catalogue.exclusively(() => Promise.reject(new Error("went wrong"))),
      /went wrong/,
    );
    assert.equal(await catalogue.exclusively(async () => "next"), "next");
    await catalogue.close();
  });

  it("keeps other processes out, and lets them in at once when the holder is killed", async () => {
    const module = new URL("../../catalogue/index.js", import.meta.url).href;
    const script = `
      import { openCatalogue } from ${JSON.stringify(module)};
      const catalogue = openCatalogue({ dataDir: process.argv[1] });
      await catalogue.exclusively(() => {
        console.log("held");
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script, dataDir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    const catalogue = openCatalogue({ dataDir });
    let entered = false;
    const entering = catalogue.exclusively(async () => {
      entered = true;
    });
    await delay(300);
    assert.equal(entered, false, "the lease is held by the other process");
    holder.kill("SIGKILL");
    const from = performance.now();
    await entering;
    assert.ok(performance.now() - from < 5_000, "a dead holder is not waited for");
    await catalogue.close();
  });

  describe("overwrites what was removed", () => {
    const IMAGES = 600;
    const id = (index: number): string => `00000000-0000-5000-8000-${String(index).padStart(12, "0")}`;
    /** Some fit into a page of LMDB with others, some take several. */
    const preview = (mark: string, index: number): Uint8Array =>
      Buffer.from(`MK-${mark}-${index};`.repeat(10 + ((index * 37) % 700)));
    const entry = (mark: string, index: number) => ({
      ...{ id: id(index), path: `/${mark}/MK-${mark}-${index}.dcm`, frame: 1, preview: preview(mark, index) },
    });
    const indices = Array.from({ length: IMAGES }, (_, index) => index);
    const removedMarks = async (): Promise<number> =>
      (await readFile(join(dataDir, "catalogue", "data.mdb"))).toString("latin1").split("MK-gone").length - 1;

    beforeEach(async () => {
      const catalogue = openCatalogue({ dataDir });
      for (let from = 0; from < IMAGES; from += 50) {
        await catalogue.putInstances(indices.slice(from, from + 50).map((index) => entry("gone", index)));
      }
      await catalogue.removeInstances(indices.filter((index) => index % 3 !== 0).map(id));
      await catalogue.putInstances(indices.filter((index) => index % 3 === 0).map((index) => entry("kept", index)));
      await catalogue.close();
    });

    async function assertKept(): Promise<void> {
      const catalogue = openCatalogue({ dataDir });
      for (const index of indices) {
        const expected = index % 3 === 0 ? entry("kept", index) : undefined;
        assert.equal(catalogue.path(id(index))?.path, expected?.path);
        assert.deepEqual(catalogue.preview(id(index)), expected?.preview);
      }
      await catalogue.close();
    }

    it("while another one has it open", async () => {
      const [purging, other] = [openCatalogue({ dataDir }), openCatalogue({ dataDir })];
      assert.ok(other.hasPreview(id(0)));
      assert.ok((await removedMarks()) > IMAGES);
      await purging.overwriteDeleted();
      assert.equal(await removedMarks(), 0);
      assert.ok(other.hasPreview(id(0)));
      await Promise.all([purging.close(), other.close()]);
      await assertKept();
    });

    it("losing nothing where it is killed, and to the end the next time", async () => {
      const module = new URL("../../catalogue/index.js", import.meta.url).href;
      const script = `
        import { openCatalogue } from ${JSON.stringify(module)};
        const catalogue = openCatalogue({ dataDir: process.argv[1] });
        console.log("begins");
        for (;;) await catalogue.overwriteDeleted();`;
      for (const afterMs of [0, 7, 23, 60]) {
        const purging = spawn(process.execPath, ["--input-type=module", "-e", script, dataDir], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await once(purging.stdout, "data");
        await delay(afterMs);
        purging.kill("SIGKILL");
        await once(purging, "exit");
        await assertKept();
      }
      const catalogue = openCatalogue({ dataDir });
      await catalogue.overwriteDeleted();
      await catalogue.close();
      assert.equal(await removedMarks(), 0);
      await assertKept();
    });
  });
});
