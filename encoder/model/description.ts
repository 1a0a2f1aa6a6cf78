/**
 * The network that comes with the package, read from its folder: one JSON description beside the ONNX file. Checks
 * that the two belong together and to this version's pixels; running the network is `network.ts`'s matter.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { DafhError, type ModelInfo } from "../../schemas/index.js";
import { NETWORK_INPUT } from "../pixels/index.js";

/** The models that the package ships; both the sources and their compiled form lie two folders below the package root. */
export const PACKAGED_MODELS = fileURLToPath(new URL("../../../encoder/models/", import.meta.url));

export interface ModelDescription {
  readonly info: ModelInfo;
  readonly onnxPath: string;
  /** S: the input is N × 1 × S × S. */
  readonly inputSize: number;
  /** A: the attention map is N × A × A; 0 where the network gives none. */
  readonly attentionSize: number;
}

/**
 * `digest` of the result is SHA-256 over the ONNX file's SHA-256 (hex), a space and the pixel pipeline's version:
 * a change of either changes codes, so it must change the digest.
 * @throws DafhError MODEL_UNREADABLE
 */
export async function readModel(folder: string): Promise<ModelDescription> {
  const { file, fields } = await readDescription(folder);
  const text = (name: string): string => {
    const value = fields[name];
    if (typeof value !== "string" || value === "") throw unreadable(`${file}: "${name}" is not a text`);
    return value;
  };
  const count = (name: string): number => {
    const value = fields[name];
    if (!isCount(value)) throw unreadable(`${file}: "${name}" is not a whole number from 1`);
    return value;
  };
  const inputSize = count("inputSize");
  const pixelsVersion = text("pixelsVersion");
  if (inputSize !== NETWORK_INPUT.size || pixelsVersion !== NETWORK_INPUT.version) {
    throw unreadable(
      `${file}: the network was trained on pixels version ${pixelsVersion} of ${inputSize} × ${inputSize}; ` +
        `this version makes version ${NETWORK_INPUT.version} of ${NETWORK_INPUT.size} × ${NETWORK_INPUT.size}`,
    );
  }
  const hashBits = count("hashBits");
  const prefixBits = fields.prefixBits;
  if (!Array.isArray(prefixBits) || !prefixBits.every(isCount) || prefixBits.at(-1) !== hashBits) {
    throw unreadable(`${file}: "prefixBits" is not an ascending list that ends with hashBits`);
  }
  const onnxFile = text("file");
  if (basename(onnxFile) !== onnxFile) throw unreadable(`${file}: "file" names no file of its own folder`);
  const onnxPath = join(folder, onnxFile);
  const onnxDigest = await sha256OfFile(onnxPath);
  if (onnxDigest !== text("sha256")) {
    throw unreadable(`${onnxFile}: the SHA-256 is ${onnxDigest}, not the one that ${file} states`);
  }
  const digest = createHash("sha256").update(`${onnxDigest} ${pixelsVersion}`).digest("hex");
  const info = { name: text("name"), digest, hashBits, prefixBits, featureSize: count("featureSize") };
  const attentionSize = fields.attentionSize === undefined ? 0 : count("attentionSize");
  return { info, onnxPath, inputSize, attentionSize };
}

async function readDescription(folder: string): Promise<{ file: string; fields: Record<string, unknown> }> {
  try {
    const files = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    const [file, ...others] = files;
    if (file === undefined || others.length > 0) {
      throw unreadable(`the model folder has ${files.length} JSON descriptions instead of one`);
    }
    const fields: unknown = JSON.parse(await readFile(join(folder, file), "utf8"));
    if (typeof fields !== "object" || fields === null) throw unreadable(`${file}: not a JSON object`);
    return { file, fields: { ...fields } };
  } catch (cause) {
    if (cause instanceof DafhError) throw cause;
    throw unreadable(`the model's description cannot be read: ${reason(cause)}`, cause);
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw unreadable(`${basename(path)} cannot be read: ${reason(cause)}`, cause);
  }
  return hash.digest("hex");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

function reason(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function unreadable(message: string, cause?: unknown): DafhError {
  return new DafhError("MODEL_UNREADABLE", message, {}, { cause });
}
