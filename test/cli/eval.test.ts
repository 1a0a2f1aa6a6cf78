/** `dafh eval` over a few generated images: figures that can be told beforehand, and manifests that cannot be used. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { dafh, dafhJson, type ErrorDocument, newFolder, removeFolder } from "./dafh.js";

interface EvalDocument {
  readonly summary: Readonly<Record<string, { readonly micro: number; readonly macro: number }>>;
  readonly perClass: Readonly<Record<string, { readonly queries: number }>>;
  readonly engineAgrees: boolean;
  readonly robustness: { readonly altered: readonly unknown[] } | null;
  readonly foreign: readonly { readonly kind: string }[];
  readonly refused: readonly { readonly path: string; readonly code: string }[];
}

const SIDE = 96;

/** Discs or stripes, each image a little other than the last. */
async function picture(kind: "disc" | "stripes", number: number): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: SIDE * SIDE }, (_, index) => {
      const [x, y] = [index % SIDE, Math.floor(index / SIDE)];
      if (kind === "stripes") return Math.floor((y + number) / (6 + (number % 3))) % 2 === 0 ? 40 : 200;
      return Math.hypot(x - SIDE / 2 - number, y - SIDE / 2) < 20 + number ? 220 : 10;
    }),
  );
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } })
    .png()
    .toBuffer();
}

describe("dafh eval", function () {
  this.timeout(120_000);
  let folder: string;
  let manifest: string;

  before(async () => {
    folder = await newFolder();
    manifest = join(folder, "manifest.csv");
    const rows = ["path,modality,label,split,group"];
    for (const kind of ["disc", "stripes"] as const) {
      await mkdir(join(folder, kind));
      for (let number = 0; number < 22; number++) {
        const split = number % 2 === 0 ? "train" : "test";
        await writeFile(join(folder, kind, `${number}.png`), await picture(kind, number));
        rows.push(`${kind}/${number}.png,CT,${kind},${split},${kind}-${number}`);
      }
    }
    await writeFile(join(folder, "broken.png"), "no picture");
    rows.push("broken.png,CT,disc,test,lost");
    await writeFile(manifest, `${rows.join("\n")}\n`);
  });
  after(() => removeFolder(folder));

  const evaluation = (...more: string[]) => ["eval", "--images", folder, "--manifest", manifest, ...more];

  it("stores train, asks test through the plugin, and says what every way finds", async () => {
    const sheet = join(folder, "sheet.png");
    const { code, document } = await dafhJson<EvalDocument>(evaluation("--sheet", sheet, "--foreign", "--robustness"));
    assert.equal(code, 3, "an image was refused");
    assert.deepEqual(
      document.refused.map(({ path, code: refusal }) => [path, refusal]),
      [["broken.png", "NOT_DICOM"]],
    );
    const ways = Object.keys(document.summary);
    for (const way of ["hash16", "hash64", "hashToFloat100", "float"]) assert.ok(ways.includes(way), way);
    assert.ok((document.summary.float?.macro ?? 0) > 0.99, "discs and stripes are told apart by any network");
    assert.equal(document.perClass["CT/disc"]?.queries, 11);
    assert.equal(document.engineAgrees, true);
    assert.equal(document.robustness?.altered.length, 11);
    const { width } = await sharp(await readFile(sheet)).metadata();
    assert.ok(width > 1_000);
  });

  it("gives tables for people", async () => {
    const { code, stdout } = await dafh(evaluation());
    assert.equal(code, 3);
    assert.match(stdout, /hash16 .*\n.*hash32/);
    assert.match(stdout, /CT\/stripes/);
  });

  for (const [what, text, said] of [
    ["lacks a column", "path,label,split\na.png,x,train\n", /modality/],
    ["has an unknown split", "path,modality,label,split\na.png,CT,x,dev\n", /line 2 has split/],
    ["leads out of the folder", "path,modality,label,split\n../a.png,CT,x,train\n", /leads out/],
    ["names an image twice", "path,modality,label,split\na.png,CT,x,train\na.png,CT,y,test\n", /line 3/],
    ["has no rows", "path,modality,label,split\n", /no rows/],
  ] as const) {
    it(`refuses a manifest that ${what}`, async () => {
      const bad = join(folder, "bad.csv");
      await writeFile(bad, text);
      const { code, document } = await dafhJson<ErrorDocument>(["eval", "--images", folder, "--manifest", bad]);
      assert.equal(code, 2);
      assert.equal(document.error.code, "BAD_OPTION");
      assert.match(document.error.message, said);
    });
  }
});
