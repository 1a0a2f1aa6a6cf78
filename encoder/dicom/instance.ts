/**
 * One DICOM file, opened: what is checked once when it opens, and what is read frame by frame afterwards. Synchronous
 * and without effects; await `initCodecs()` before.
 */
import { createHash } from "node:crypto";
import { DafhError, type ErrorPlace, type InstanceAttributes } from "../../schemas/index.js";
import type { GreyImage } from "../pixels/index.js";
import { attributeWarnings } from "./attribute-warnings.js";
import { readAttributes } from "./attributes.js";
import { type Dataset, readDataset } from "./dataset.js";
import { inflated } from "./deflated.js";
import { burnedInReason } from "./deidentify/burned-in-text.js";
import { DICTIONARY, formatTag, tagOf } from "./dictionary.js";
import { type FileStart, readFileStart } from "./file-meta.js";
import type { ByteSource } from "./frames.js";
import { readPixelMeaning, toGreyImage } from "./grey-frame.js";
import { describeImage, type ImageDescription } from "./image-description.js";
import { type Inspection, inspectFrame } from "./inspect.js";
import { DEFAULT_LIMITS, type DicomLimits, isLimit } from "./limits.js";
import type { StoredValues } from "./native-pixels.js";
import { readPixelSpacing } from "./pixel-spacing.js";
import { type Plane, readPlane } from "./plane.js";
import { modalityOf, pixelFreeKind } from "./sop-classes.js";
import { type FrameReader, openFrames, type StoredFrame } from "./stored-frame.js";
import { parseCode, parseUid } from "./values.js";

export interface OpenDicomOptions {
  readonly limits?: Partial<DicomLimits>;
  /** Named in errors. */
  readonly path?: string;
  /** The whole file, where `bytes` is only its beginning: its frames are read from here one by one. */
  readonly rest?: ByteSource;
}

export interface DicomInstance {
  readonly frames: number;
  readonly transferSyntaxUid: string;
  /** What was odd about the file, but did not stand in the way. */
  readonly warnings: readonly string[];
  /** Why text may be burned into the pixels; undefined where nothing speaks for it. */
  readonly burnedInText: string | undefined;
  /** Without a key there is no `patientKey`. */
  attributes(pseudonymKey?: Uint8Array): InstanceAttributes;
  /** `frame` counts from 1, here and below. Valid until another frame is asked for. @throws DafhError */
  storedFrame(frame: number): StoredFrame;
  /** @throws DafhError, IMAGE_CONSTANT among them, which concerns this frame only */
  greyFrame(frame: number): GreyImage;
  /** undefined where the file does not tell. */
  plane(frame: number): Plane | undefined;
  /** Along the slice normal, mm, from the frame's own functional group; undefined where the file does not tell. */
  slicePositionMm(frame: number): number | undefined;
  /** SHA-256 of the stored values as int32 little endian, row-major: hex. */
  pixelSha256(frame: number): string;
  inspect(frame: number): Inspection;
}

const DICOMDIR_CLASS = "1.2.840.10008.1.3.10";

/** @throws DafhError of the table's file and DICOM codes; never anything else */
export function openDicom(bytes: Uint8Array, options: OpenDicomOptions = {}): DicomInstance {
  const where: ErrorPlace = options.path === undefined ? {} : { path: options.path };
  return at(where, () => new OpenedInstance(bytes, { ...DEFAULT_LIMITS, ...options.limits }, where, options.rest));
}

class OpenedInstance implements DicomInstance {
  readonly warnings: string[];
  readonly transferSyntaxUid: string;
  readonly #dataset: Dataset;
  readonly #image: ImageDescription;
  readonly #readFrame: FrameReader;
  readonly #sopClassUid: string | undefined;
  readonly #modality: string | undefined;
  #lastStored: { readonly frame: number; readonly stored: StoredFrame } | undefined;

  constructor(
    bytes: Uint8Array,
    limits: DicomLimits,
    private readonly where: ErrorPlace,
    rest: ByteSource | undefined,
  ) {
    const fileBytes = rest?.size ?? bytes.length;
    if (fileBytes > limits.fileBytes) {
      throw new DafhError("FILE_TOO_LARGE", `the file has ${fileBytes} bytes; the limit is ${limits.fileBytes}`);
    }
    const start = readFileStart(bytes);
    if (start.mediaStorageSopClassUid === DICOMDIR_CLASS) throw new DafhError("DICOMDIR", "the file is a DICOMDIR");
    this.warnings = start.warnings;
    this.transferSyntaxUid = start.transferSyntax.uid;
    this.#dataset = openDataset(bytes, start, limits);
    const sopClassUid = parseUid(this.#dataset.string("SOPClassUID")) ?? parseUid(start.mediaStorageSopClassUid);
    requirePixelData(this.#dataset, sopClassUid);
    this.#sopClassUid = sopClassUid;
    this.#modality = parseCode(this.#dataset.string("Modality")) ?? modalityOf(sopClassUid);
    this.#image = describeImage(this.#dataset, limits);
    // Offsets of an inflated dataset are not the file's.
    const source = start.transferSyntax.deflated ? undefined : rest;
    this.#readFrame = openFrames(this.#dataset, this.#image, start.transferSyntax, limits, this.warnings, source);
  }

  get frames(): number {
    return this.#image.frames;
  }

  get burnedInText(): string | undefined {
    return burnedInReason({
      burnedInAnnotation: this.#dataset.string("BurnedInAnnotation"),
      sopClassUid: this.#sopClassUid,
      conversionType: this.#dataset.string("ConversionType"),
      imageType: this.#dataset.strings("ImageType"),
      hasUltrasoundRegions: this.#dataset.has("SequenceOfUltrasoundRegions"),
    });
  }

  attributes(pseudonymKey?: Uint8Array): InstanceAttributes {
    return at(this.where, () => {
      const { units, notQuantitative } = readPixelMeaning(this.#dataset, this.#image, this.#modality, 0);
      const attributes = readAttributes(this.#dataset, this.#image, units, pseudonymKey);
      return notQuantitative === undefined ? attributes : { ...attributes, notQuantitative };
    });
  }

  storedFrame(frame: number): StoredFrame {
    // The last frame is kept, because its digest, its grey values and its statistics are asked for one after another.
    if (this.#lastStored?.frame === frame) return this.#lastStored.stored;
    const stored = at({ ...this.where, frame }, () => {
      if (!Number.isInteger(frame) || frame < 1 || frame > this.frames) {
        throw new DafhError("FRAME_OUT_OF_RANGE", `the file has ${this.frames} frame(s), not a frame ${frame}`);
      }
      return this.#readFrame(frame - 1);
    });
    this.#lastStored = { frame, stored };
    return stored;
  }

  greyFrame(frame: number): GreyImage {
    const stored = this.storedFrame(frame);
    return at({ ...this.where, frame }, () => {
      const meaning = readPixelMeaning(this.#dataset, this.#image, this.#modality, frame - 1);
      return toGreyImage(stored, this.#dataset, this.#image, meaning, frame - 1);
    });
  }

  plane(frame: number): Plane | undefined {
    return at({ ...this.where, frame }, () => readPlane(this.#dataset, frame - 1));
  }

  slicePositionMm(frame: number): number | undefined {
    return this.plane(frame)?.positionMm;
  }

  pixelSha256(frame: number): string {
    return sha256OfInt32(this.storedFrame(frame).values);
  }

  inspect(frame: number): Inspection {
    const stored = this.storedFrame(frame);
    return at({ ...this.where, frame }, () =>
      inspectFrame({
        frame,
        stored,
        sha256: sha256OfInt32(stored.values),
        image: this.#image,
        meaning: () => readPixelMeaning(this.#dataset, this.#image, this.#modality, frame - 1),
        grey: () => this.greyFrame(frame),
        transferSyntaxUid: this.transferSyntaxUid,
        pixelSpacing: readPixelSpacing(this.#dataset, frame - 1),
        attributes: (units) => readAttributes(this.#dataset, this.#image, units, undefined),
        warnings: [...this.warnings, ...attributeWarnings(this.#dataset)],
      }),
    );
  }
}

function openDataset(bytes: Uint8Array, start: FileStart, limits: DicomLimits): Dataset {
  const { deflated, encoding } = start.transferSyntax;
  const whole = deflated ? inflated(bytes.subarray(start.datasetOffset), limits) : bytes;
  const offset = deflated ? 0 : start.datasetOffset;
  const scope = {
    bytes: whole,
    view: new DataView(whole.buffer, whole.byteOffset, whole.byteLength),
    encoding,
    budget: { elementsLeft: limits.elements, limits },
    depth: 0,
  };
  try {
    return readDataset(scope, offset, whole.length, start.warnings);
  } catch (error) {
    if (start.hasMagic || !(error instanceof DafhError) || isLimit(error)) throw error;
    throw new DafhError(
      "NOT_DICOM",
      `no Part 10 header, and no dataset that can be read: ${error.message}`,
      error.where,
      {
        cause: error,
      },
    );
  }
}

function requirePixelData(dataset: Dataset, sopClassUid: string | undefined): void {
  if (dataset.element("PixelData") !== undefined) {
    if (dataset.has("PixelData")) return;
    throw new DafhError("NO_PIXEL_DATA", "the pixel data is empty", { tag: tagOf("PixelData") });
  }
  if (dataset.has("FloatPixelData") || dataset.has("DoubleFloatPixelData")) {
    throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", "floating-point pixel data", { tag: tagOf("FloatPixelData") });
  }
  const kind = pixelFreeKind(sopClassUid);
  if (kind !== undefined) {
    throw new DafhError("UNSUPPORTED_SOP_CLASS", `the object is ${kind}`, { tag: tagOf("SOPClassUID") });
  }
  // A file cut between two elements looks whole; but an image's dataset does not stop before it describes its pixels.
  if (modalityOf(sopClassUid) !== undefined && dataset.lastTag < DICTIONARY.SamplesPerPixel.tag) {
    throw new DafhError("DICOM_TRUNCATED", `the dataset stops at ${formatTag(dataset.lastTag)}, before its pixels`, {
      tag: formatTag(dataset.lastTag),
    });
  }
  throw new DafhError("NO_PIXEL_DATA", "the object has no pixel data", { tag: tagOf("PixelData") });
}

function sha256OfInt32(values: StoredValues): string {
  return createHash("sha256").update(new Int32Array(values)).digest("hex");
}

/** Adds the place to errors from within. */
function at<Result>(where: ErrorPlace, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DafhError)) throw error;
    throw new DafhError(error.code, error.message, { ...where, ...error.where }, { cause: error.cause });
  }
}
