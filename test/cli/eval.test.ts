/** `dafh eval` over a few generated images whose figures can be told beforehand, and its parts by themselves. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { readConfig } from "../../cli/config.js";
import { measureForeign } from "../../cli/eval/foreign.js";
import { generatedImages } from "../../cli/eval/generated.js";
import { readManifest } from "../../cli/eval/manifest.js";
import { DafhError, type EncodedFile, type Encoder } from "../../schemas/index.js";
import { dafh, dafhJson, type ErrorDocument, newFolder, removeFolder } from "./dafh.js";

interface EvalDocument {
  readonly summary: Readonly<Record<string, { readonly micro: number; readonly macro: number }>>;
  readonly perClass: Readonly<Record<string, { readonly queries: number }>>;
  readonly engineAgrees: boolean;
  readonly robustness: {
    readonly images: number;
    readonly altered: readonly { readonly lost: { readonly float: number } }[];
  } | null;
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

  it("stores train, asks test through the plugin, and gives what every way finds as tables and as JSON", async () => {
    const [sheet, report] = [join(folder, "sheet.png"), join(folder, "report.json")];
    const more = ["--sheet", sheet, "--report", report, "--robustness", "--hard", "CT/disc"];
    const { code, stdout } = await dafh(evaluation(...more));
    const document: EvalDocument = JSON.parse(await readFile(report, "utf8"));
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
    assert.equal(document.robustness?.images, 22);
    assert.equal(document.robustness?.altered.length, 11);
    assert.ok(document.robustness?.altered.every(({ lost }) => lost.float < 0.5));
    const { width } = await sharp(await readFile(sheet)).metadata();
    assert.ok(width > 1_000);
    assert.match(stdout, /hash16 .*\n.*hash32/);
    assert.match(stdout, /CT\/stripes +11 /);
    assert.match(stdout, /refused: broken.png NOT_DICOM/);
  });

  it("refuses a manifest that it cannot use, and a network that is not there", async () => {
    const bad = join(folder, "bad.csv");
    await writeFile(bad, "path,modality,label,split\n../a.png,CT,x,train\n");
    const outside = await dafhJson<ErrorDocument>(["eval", "--images", folder, "--manifest", bad]);
    assert.equal(outside.code, 2);
    assert.equal(outside.document.error.code, "BAD_OPTION");
    assert.match(outside.document.error.message, /line 2 leads out/);
    const nowhere = await dafhJson<ErrorDocument>(evaluation("--model", join(folder, "disc")));
    assert.equal(nowhere.code, 1);
    assert.equal(nowhere.document.error.code, "MODEL_UNREADABLE");
  });
});

describe("manifest of an evaluation", () => {
  let folder: string;
  before(async () => {
    folder = await newFolder();
  });
  after(() => removeFolder(folder));

  const read = async (text: string) => {
    const file = join(folder, "manifest.csv");
    await writeFile(file, text);
    return readManifest(file);
  };

  it("takes frames and groups where they are given, and a path for a group where not", async () => {
    const [first, second] = await read(
      "label,path,modality,split,frame,group\nx,a.dcm,CT,train,3,patient\ny,b.png,MR,val,,\n",
    );
    assert.deepEqual(first, {
      ...{ path: "a.dcm", frame: 3, modality: "CT", label: "x", className: "CT/x", split: "train", group: "patient" },
    });
    assert.deepEqual([second?.frame, second?.group], [1, "b.png"]);
  });

  for (const [what, text, said] of [
    ["lacks a column", "path,label,split\na.png,x,train\n", /no column modality/],
    ["lacks a label", "path,modality,label,split\na.png,CT,,train\n", /line 2 lacks/],
    ["has an unknown split", "path,modality,label,split\na.png,CT,x,dev\n", /line 2 has split "dev"/],
    ["has a frame that is none", "path,modality,label,split,frame\na.png,CT,x,train,0\n", /line 2 has a frame/],
    ["leads out of the folder", "path,modality,label,split\n../a.png,CT,x,train\n", /leads out/],
    ["names an image twice", "path,modality,label,split\na.png,CT,x,train\na.png,CT,y,test\n", /line 3 names/],
    ["has rows of different lengths", "path,modality,label,split\na.png,CT,x\n", /not CSV/],
    ["has no rows", "path,modality,label,split\n", /no rows/],
  ] as const) {
    it(`is refused where it ${what}`, async () => {
      await assert.rejects(read(text), (error) => {
        assert.ok(error instanceof DafhError);
        assert.equal(error.code, "BAD_OPTION");
        assert.match(error.message, said);
        return true;
      });
    });
  }

  it("is FILE_UNREADABLE where it is not there", () => {
    assert.throws(() => readManifest(join(folder, "none.csv")), { code: "FILE_UNREADABLE" });
  });
});

describe("folder of the network", () => {
  it("is --model before DAFH_MODEL, and cannot be chosen for an encoder elsewhere", () => {
    assert.equal(readConfig({}, {}).modelDir, null);
    assert.equal(readConfig({}, { DAFH_MODEL: "/mine" }).modelDir, "/mine");
    assert.equal(readConfig({ model: "/other" }, { DAFH_MODEL: "/mine" }).modelDir, "/other");
    const elsewhere = { ENCODER_URL: "http://gpu-box:8090" };
    assert.throws(() => readConfig({ model: "/other" }, elsewhere), { code: "BAD_OPTION" });
  });
});

describe("images of nothing that the network knows", () => {
  /** Knows noise by the many values that it has. */
  const encoder: Encoder = {
    encode: async (source) => {
      const { entropy } = await sharp("bytes" in source ? source.bytes : source.path).stats();
      if (entropy === 0) throw new DafhError("IMAGE_CONSTANT", "All of one value.");
      const embedding = { hash: new Float32Array(1), features: new Float32Array(1) };
      const frames = [{ frame: 1, embedding, pixelDigest: "", foreignScore: entropy > 6 ? 2 : 0.5 }];
      const timingsMs = { decode: 0, network: 0 };
      return { kind: "image", attributes: {}, contentDigest: "", frames, constantFrames: [], timingsMs } as EncodedFile;
    },
    encodeTo: () => Promise.reject(new Error("not asked")),
    info: () => Promise.reject(new Error("not asked")),
    close: async () => {},
  };
  const options = { folder: undefined, onProgress: () => {}, signal: new AbortController().signal };
  const queries = [0.2, 0.4].map((foreignScore) => ({
    ...{ item: undefined, kind: "image" as const, foreignScore },
    embedding: { hash: new Float32Array(1), features: new Float32Array(1) },
  }));

  it("are told apart by score, or because they are constant", async () => {
    const figures = await measureForeign(encoder, queries, options);
    const noise = figures.find(({ kind }) => kind === "generated: fine noise");
    assert.deepEqual([noise?.auroc, noise?.calledForeign, noise?.constant], [1, 1, 0]);
    const constant = figures.find(({ kind }) => kind === "generated: constant");
    assert.deepEqual([constant?.auroc, constant?.calledForeign], [1, 1]);
    assert.equal(constant?.constant, constant?.images);
    const bars = figures.find(({ kind }) => kind === "generated: bars");
    assert.deepEqual([bars?.auroc, bars?.calledForeign], [1, 0], "above every query, below the bound");
  });

  it("are not asked of a network without such a score", async () => {
    const without = queries.map((query) => ({ ...query, foreignScore: undefined }));
    assert.deepEqual(await measureForeign(encoder, without, options), []);
  });

  it("are the same at every call", async () => {
    const [one, other] = [await generatedImages(), await generatedImages()];
    assert.ok(one.every(({ bytes }, index) => other[index]?.bytes.equals(bytes)));
  });
});
