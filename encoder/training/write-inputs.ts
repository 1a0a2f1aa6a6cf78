/**
 * Writes network inputs for training, made by the very code that serves, so that the network is trained on what it
 * will be fed. Which files, and what they are labelled, is the caller's matter (`dafh_training prepare`).
 *
 *     node write-inputs.js IMAGES_FOLDER OUT_FOLDER [SIZE] < list      one `path` or `path<TAB>frame` a line, from the folder
 */
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { DafhError, type ErrorCode } from "../../schemas/index.js";
import { initCodecs, openDicom } from "../dicom/index.js";
import { isImageFile, NETWORK_INPUT, readImageFile, toNetworkInput } from "../pixels/index.js";

export interface TrainingImage {
  /** Relative to the images folder, as the manifest has it. */
  readonly path: string;
  /** From 1. */
  readonly frame: number;
}

/** What lies beside `inputs.f32`: row i of the file is `images[i]`. */
export interface TrainingInputsIndex {
  readonly pixelsVersion: string;
  /** S: a row is S × S float32 little endian, row-major, in [0, 1]. */
  readonly size: number;
  readonly images: readonly TrainingImage[];
  readonly refused: readonly (TrainingImage & { readonly code: ErrorCode; readonly message: string })[];
}

export interface TrainingInputsOptions {
  /** Other than the product's, for experiments: the encoder refuses a network trained on another size. */
  readonly size?: number;
  readonly onProgress?: (done: number) => void;
}

/** One frame of a DICOM, PNG or JPEG file as the network sees it, S × S. @throws DafhError */
async function trainingInput(bytes: Uint8Array, frame: number, size: number): Promise<Float32Array> {
  if (!isImageFile(bytes)) {
    await initCodecs();
    return toNetworkInput(openDicom(bytes).greyFrame(frame), size);
  }
  if (frame !== 1) throw new DafhError("FRAME_OUT_OF_RANGE", `a PNG or JPEG image has one frame, not ${frame}`);
  return toNetworkInput(await readImageFile(bytes), size);
}

/**
 * Writes `inputs.f32` and then `inputs.json` into `outFolder`; the index is there only when the tensors are whole.
 * A file that cannot be read is named in the index with its code, and has no row.
 */
export async function writeTrainingInputs(
  imagesFolder: string,
  wanted: readonly TrainingImage[],
  outFolder: string,
  { size = NETWORK_INPUT.size, onProgress = () => {} }: TrainingInputsOptions = {},
): Promise<TrainingInputsIndex> {
  await mkdir(outFolder, { recursive: true });
  const partial = path.join(outFolder, "inputs.f32.partial");
  const tensors = createWriteStream(partial);
  const images: TrainingImage[] = [];
  const refused: TrainingInputsIndex["refused"][number][] = [];
  for (const [position, image] of wanted.entries()) {
    try {
      const input = await trainingInput(await readFile(path.join(imagesFolder, image.path)), image.frame, size);
      await write(tensors, littleEndian(input));
      images.push(image);
    } catch (error) {
      if (!(error instanceof DafhError)) throw error;
      refused.push({ ...image, code: error.code, message: error.message });
    }
    onProgress(position + 1);
  }
  tensors.end();
  await finished(tensors);
  await rename(partial, path.join(outFolder, "inputs.f32"));
  const index = { pixelsVersion: NETWORK_INPUT.version, size, images, refused };
  await writeFile(path.join(outFolder, "inputs.json"), JSON.stringify(index));
  return index;
}

function write(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

function littleEndian(values: Float32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, index) => {
    bytes.setFloat32(index * 4, value, true);
  });
  return new Uint8Array(bytes.buffer);
}

function parseList(list: string): TrainingImage[] {
  return list
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [file = "", frame = "1"] = line.split("\t");
      if (!/^[1-9][0-9]*$/.test(frame))
        throw new DafhError("BAD_OPTION", `frame "${frame}" of ${file} is not a number from 1`);
      return { path: file, frame: Number(frame) };
    });
}

async function main(argv: readonly string[]): Promise<void> {
  const [imagesFolder, outFolder, size = String(NETWORK_INPUT.size)] = argv;
  if (imagesFolder === undefined || outFolder === undefined || !/^[1-9][0-9]*$/.test(size)) {
    process.stderr.write("usage: node write-inputs.js IMAGES_FOLDER OUT_FOLDER [SIZE] < list\n");
    process.exitCode = 2;
    return;
  }
  const wanted = parseList(await text(process.stdin));
  const onProgress = (done: number): void => {
    if (done % 200 === 0 || done === wanted.length) process.stderr.write(`inputs: ${done} of ${wanted.length}\n`);
  };
  const index = await writeTrainingInputs(imagesFolder, wanted, outFolder, { size: Number(size), onProgress });
  for (const { path: file, code, message } of index.refused)
    process.stderr.write(`refused ${file}: ${code} ${message}\n`);
  process.exitCode = index.refused.length > 0 ? 3 : 0;
}

const startedFile = process.argv[1];
if (startedFile !== undefined && import.meta.url === pathToFileURL(startedFile).href) await main(process.argv.slice(2));
