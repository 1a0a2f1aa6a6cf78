/**
 * The committed network in the product's own runtime gives what PyTorch gave when it was exported, whatever shares
 * its batch. The images are generated ones; over real images `python -m dafh_training verify` shows the same.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { PACKAGED_MODELS, readModel } from "../../../encoder/model/index.js";

interface Golden {
  readonly sha256: string;
  readonly grid: number;
  readonly images: number;
  /** Base64: images × grid × grid bytes; images × K and images × D float32 little endian. */
  readonly pixels: string;
  readonly hash: string;
  readonly features: string;
  /** Base64: images × A × A and images float32 little endian. */
  readonly attention: string;
  readonly foreign: string;
}

const OUTPUTS = ["hash", "features", "attention", "foreign"] as const;

type Outputs = Readonly<Record<(typeof OUTPUTS)[number], Float32Array>>;

const GOLDEN = new URL("../../../../test/encoder/training/golden.json", import.meta.url);

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

/** Each cell of a generated grid becomes a square of equal pixels. */
function toInput(cells: Uint8Array, grid: number, size: number): Float32Array {
  const side = size / grid;
  return Float32Array.from({ length: size * size }, (_, index) => {
    const row = Math.floor(Math.floor(index / size) / side);
    const column = Math.floor((index % size) / side);
    return (cells[row * grid + column] ?? 0) / 255;
  });
}

function differentSigns(left: Float32Array, right: Float32Array): number {
  return left.reduce((count, value, index) => count + (value > 0 === (right[index] ?? 0) > 0 ? 0 : 1), 0);
}

function largestDifference(left: Float32Array, right: Float32Array): number {
  return left.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (right[index] ?? Number.NaN))), 0);
}

describe("the committed network in ONNX Runtime", function () {
  this.timeout(60_000);
  let session: InferenceSession;
  let golden: Golden;
  let inputs: Float32Array[];
  let size: number;

  before(async () => {
    const model = await readModel(PACKAGED_MODELS);
    size = model.inputSize;
    session = await InferenceSession.create(model.onnxPath, { executionProviders: ["cpu"], intraOpNumThreads: 1 });
    golden = JSON.parse(await readFile(GOLDEN, "utf8")) as Golden; // written by `dafh_training goldens`
    const cells = Buffer.from(golden.pixels, "base64");
    const area = golden.grid * golden.grid;
    inputs = Array.from({ length: golden.images }, (_, index) =>
      toInput(cells.subarray(index * area, (index + 1) * area), golden.grid, size),
    );
    const onnx = await readFile(model.onnxPath);
    assert.equal(createHash("sha256").update(onnx).digest("hex"), golden.sha256, "the goldens are of another network");
  });

  after(() => session.release());

  async function run(batch: number): Promise<Outputs> {
    const gathered = { hash: [], features: [], attention: [], foreign: [] } as Record<keyof Outputs, number[]>;
    for (let start = 0; start < inputs.length; start += batch) {
      const rows = inputs.slice(start, start + batch);
      const image = new Float32Array(rows.length * size * size);
      rows.forEach((row, index) => {
        image.set(row, index * size * size);
      });
      const outputs = await session.run({ image: new Tensor("float32", image, [rows.length, 1, size, size]) });
      // All outputs are float32 by the graph.
      for (const name of OUTPUTS) gathered[name].push(...((outputs[name]?.data ?? []) as Float32Array));
    }
    return {
      hash: Float32Array.from(gathered.hash),
      features: Float32Array.from(gathered.features),
      attention: Float32Array.from(gathered.attention),
      foreign: Float32Array.from(gathered.foreign),
    };
  }

  it("gives PyTorch's features within 1e-4 and 99.9 % of its bits", async () => {
    const { hash, features } = await run(1);
    const expectedHash = floats(golden.hash);
    assert.equal(hash.length, expectedHash.length);
    assert.ok(largestDifference(features, floats(golden.features)) <= 1e-4);
    assert.ok(differentSigns(hash, expectedHash) <= expectedHash.length / 1000);
  });

  it("gives PyTorch's attention maps and foreign scores, and calls generated images foreign", async () => {
    const { attention, foreign } = await run(1);
    assert.ok(largestDifference(attention, floats(golden.attention)) <= 1e-3);
    assert.ok(largestDifference(foreign, floats(golden.foreign)) <= 1e-3);
    assert.ok(
      foreign.every((score) => score > 1),
      "ellipses of squares are nothing that the network was trained on",
    );
  });

  it("tells the generated images apart, so that agreement says something", () => {
    const expected = floats(golden.hash);
    const bits = expected.length / golden.images;
    const codes = Array.from({ length: golden.images }, (_, index) =>
      [...expected.subarray(index * bits, (index + 1) * bits)].map((value) => (value > 0 ? "1" : "0")).join(""),
    );
    assert.ok(new Set(codes).size > golden.images / 2);
  });

  it("gives an image the same code alone and in a batch of 16", async () => {
    const [alone, together] = [await run(1), await run(16)];
    assert.equal(differentSigns(alone.hash, together.hash), 0);
    assert.ok(largestDifference(alone.features, together.features) <= 1e-4);
  });
});
