/**
 * The JSON of the encoder service, both ways: what `service.ts` writes and `client.ts` reads. Floats travel as base64
 * of float32 little endian, so that they arrive bit for bit. Whoever accepts `LINES` gets a line for the file, one for
 * each frame as soon as it is there, and one for the end; whoever does not, the whole as one document.
 */
import {
  codeToHex,
  DafhError,
  type EncodedFile,
  type EncodedFrame,
  type EncoderInfo,
  ERRORS,
  type ErrorBody,
  type ModelInfo,
  type OpenedImage,
  packCode,
} from "../schemas/index.js";

/** One frame in the answer of POST /v1/encode. */
interface FrameJson {
  readonly frame: number;
  /** Hex, most significant bit first: for readers; it follows from `hash`. */
  readonly code: string;
  /** K floats, base64 of float32 little endian. */
  readonly hash: string;
  /** D floats, likewise. */
  readonly features: string;
  readonly pixelDigest: string;
  readonly slicePositionMm?: number;
  /** PNG, base64; only where asked for. */
  readonly preview?: string;
  /** Above 1 the image is foreign. */
  readonly foreignScore?: number;
  /** Only where asked for; `values` as the vectors. */
  readonly attention?: { readonly rows: number; readonly columns: number; readonly values: string };
}

export const LINES = "application/x-ndjson";

/** What is said last, since only then it is known. */
export type EncodingEnd = Pick<EncodedFile, "constantFrames" | "timingsMs">;

/**
 * The document in pieces, one a frame: a file of 10,000 frames makes 20 MB, which in one piece would hold the event
 * loop. There is never a `patientKey` in it: the key that makes one stays with the caller.
 */
export function* encodedFileJson(model: ModelInfo, file: EncodedFile): Generator<string> {
  const { frames, ...rest } = file;
  const head = JSON.stringify({ model, ...rest });
  yield `${head.slice(0, -1)},"frames":[`;
  for (const [index, frame] of frames.entries()) yield `${index === 0 ? "" : ","}${JSON.stringify(frameJson(frame))}`;
  yield "]}";
}

export const lineOf = {
  file: (model: ModelInfo, opened: OpenedImage): string => line({ model, ...opened }),
  frame: (frame: EncodedFrame): string => line(frameJson(frame)),
  end: ({ constantFrames, timingsMs }: EncodingEnd): string => line({ constantFrames, timingsMs }),
  /** In place of whatever would have come next. */
  error: (error: DafhError): string => line({ error: error.toBody() }),
};

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function frameJson(encoded: EncodedFrame): FrameJson {
  const { frame, embedding, pixelDigest, slicePositionMm, preview, foreignScore, attention } = encoded;
  return {
    frame,
    code: codeToHex(packCode(embedding.hash)),
    hash: floatsToBase64(embedding.hash),
    features: floatsToBase64(embedding.features),
    pixelDigest,
    ...(slicePositionMm === undefined ? {} : { slicePositionMm }),
    ...(preview === undefined ? {} : { preview: Buffer.from(preview).toString("base64") }),
    ...(foreignScore === undefined ? {} : { foreignScore }),
    ...(attention === undefined ? {} : { attention: { ...attention, values: floatsToBase64(attention.values) } }),
  };
}

/** Reads the lines of an answer, in their order. */
export class LineReader {
  #model: ModelInfo | undefined;

  constructor(
    private readonly take: {
      model(model: ModelInfo): void;
      frame(frame: EncodedFrame): void | Promise<void>;
    },
  ) {}

  /**
   * @returns the end, once it is read
   * @throws DafhError of the file's fault, as the service says it; ENCODER_UNAVAILABLE where the answer is not one of
   * this version's encoder; whatever `take` throws
   */
  async read(text: string): Promise<EncodingEnd | undefined> {
    const json = parseObject(text);
    if ("error" in json) throw parseError(text) ?? foreign("its error is none that is known");
    if (this.#model === undefined) {
      const { model } = json as { model?: unknown };
      if (!isModel(model)) throw foreign("parts of it are missing");
      this.#model = model;
      this.take.model(model);
      return undefined;
    }
    if ("frame" in json) {
      await this.take.frame(parseFrame(json as Partial<FrameJson>, this.#model));
      return undefined;
    }
    const { constantFrames, timingsMs } = json as Partial<EncodingEnd>;
    if (!Array.isArray(constantFrames) || !isObject(timingsMs)) throw foreign("parts of it are missing");
    return { constantFrames, timingsMs };
  }
}

/** @throws DafhError ENCODER_UNAVAILABLE where the answer is not one of this version's encoder */
export function parseInfo(text: string): EncoderInfo {
  const { model, provider, workers } = parseObject(text) as Partial<EncoderInfo>;
  if (!isModel(model) || (provider !== "cuda" && provider !== "cpu") || typeof workers !== "number") {
    throw foreign("parts of it are missing");
  }
  return { model, provider, workers };
}

/** @returns undefined where the body is not an error of the table */
export function parseError(text: string): DafhError | undefined {
  try {
    const { error } = parseObject(text) as { error?: Partial<ErrorBody> };
    if (error?.code === undefined || !(error.code in ERRORS) || typeof error.message !== "string") return undefined;
    return DafhError.fromBody({ ...error, code: error.code, message: error.message, wayOut: "" });
  } catch {
    // A proxy's page, say: the caller goes by the status.
    return undefined;
  }
}

function parseFrame(json: Partial<FrameJson>, model: ModelInfo): EncodedFrame {
  const { frame, pixelDigest, slicePositionMm, preview, foreignScore, attention } = json;
  const embedding = {
    hash: floatsFromBase64(json.hash, model.hashBits),
    features: floatsFromBase64(json.features, model.featureSize),
  };
  if (typeof frame !== "number" || typeof pixelDigest !== "string") throw foreign("a frame has no number or digest");
  return {
    frame,
    embedding,
    pixelDigest,
    ...(slicePositionMm === undefined ? {} : { slicePositionMm }),
    ...(preview === undefined ? {} : { preview: new Uint8Array(Buffer.from(preview, "base64")) }),
    ...(foreignScore === undefined ? {} : { foreignScore }),
    ...(attention === undefined
      ? {}
      : {
          attention: { ...attention, values: floatsFromBase64(attention.values, attention.rows * attention.columns) },
        }),
  };
}

function floatsToBase64(floats: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(floats.length * 4));
  floats.forEach((value, index) => {
    bytes.setFloat32(index * 4, value, true);
  });
  return Buffer.from(bytes.buffer).toString("base64");
}

function floatsFromBase64(text: unknown, length: number): Float32Array {
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (bytes.length !== length * 4) throw foreign(`a vector has ${bytes.length / 4} floats instead of ${length}`);
  return Float32Array.from({ length }, (_, index) => bytes.readFloatLE(index * 4));
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    throw foreign("it is not JSON", cause);
  }
  throw foreign("it is not a JSON object");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isModel(value: unknown): value is ModelInfo {
  if (!isObject(value)) return false;
  const { name, digest, hashBits, prefixBits, featureSize } = value as Partial<ModelInfo>;
  const counted = [hashBits, featureSize, ...(Array.isArray(prefixBits) ? prefixBits : [undefined])];
  return typeof name === "string" && typeof digest === "string" && counted.every(Number.isInteger);
}

function foreign(what: string, cause?: unknown): DafhError {
  return new DafhError("ENCODER_UNAVAILABLE", `the encoder's answer cannot be used: ${what}`, {}, { cause });
}
