/**
 * One file, opened: DICOM, PNG and JPEG behind one shape, so that the thread need not ask which. What DICOM means is
 * `encoder/dicom`'s matter, what the network sees `encoder/pixels`'.
 */
import { DafhError, type InstanceAttributes } from "../../schemas/index.js";
import { type DicomInstance, openDicom, type Plane } from "../dicom/index.js";
import { type GreyImage, hasTextRow, isImageFile, readImageFile } from "../pixels/index.js";
import { int32Sha256 } from "./digests.js";
import { type Inspection, inspectImage } from "./inspection.js";

export interface OpenedFile {
  readonly kind: "dicom" | "image";
  readonly frames: number;
  /** Why text may be burned into the pixels; undefined where nothing speaks for it. */
  readonly burnedInText: string | undefined;
  attributes(pseudonymKey: Uint8Array | undefined): InstanceAttributes;
  /** `sha256`: of the stored values. @param frame from 1 @throws DafhError; IMAGE_CONSTANT concerns this frame only */
  frame(frame: number): {
    readonly grey: GreyImage;
    readonly sha256: string;
    readonly slicePositionMm?: number | undefined;
  };
  inspect(frame: number): Inspection;
  /** Of each frame; undefined where the file does not tell. */
  planes(): readonly (Plane | undefined)[];
}

/** @throws DafhError FILE_EMPTY, UNSUPPORTED_IMAGE, and the codes of a faulty image or dataset */
export async function openFile(bytes: Uint8Array): Promise<OpenedFile> {
  if (bytes.length === 0) throw new DafhError("FILE_EMPTY", "the file has no bytes");
  return isImageFile(bytes) ? openImage(await readImageFile(bytes)) : openInstance(openDicom(bytes));
}

export function openInstance(instance: DicomInstance): OpenedFile {
  return {
    kind: "dicom",
    frames: instance.frames,
    burnedInText: instance.burnedInText,
    attributes: (pseudonymKey) => instance.attributes(pseudonymKey),
    frame: (frame) => ({
      grey: instance.greyFrame(frame),
      sha256: instance.pixelSha256(frame),
      slicePositionMm: instance.slicePositionMm(frame),
    }),
    inspect: (frame) => instance.inspect(frame),
    planes: () => Array.from({ length: instance.frames }, (_, index) => instance.plane(index + 1)),
  };
}

function openImage(grey: GreyImage): OpenedFile {
  const only = (frame: number): void => {
    if (frame !== 1) throw new DafhError("FRAME_OUT_OF_RANGE", "a PNG or JPEG image has one frame", { frame });
  };
  return {
    kind: "image",
    frames: 1,
    burnedInText: hasTextRow(grey) ? "the picture has a row of marks that look like letters" : undefined,
    attributes: () => ({ rows: grey.rows, columns: grey.columns }),
    frame: (frame) => {
      only(frame);
      const [first] = grey.values;
      if (grey.values.every((value) => value === first)) {
        throw new DafhError("IMAGE_CONSTANT", "every pixel has the same value", { frame });
      }
      return { grey, sha256: int32Sha256(storedGrey(grey)) };
    },
    inspect: (frame) => {
      only(frame);
      return inspectImage(grey, storedGrey(grey));
    },
    planes: () => [undefined],
  };
}

/** Grey of 8 bits as it is; what has fractions (16 bits, luma of colours) in the 65,536 levels of 16 bits. */
function storedGrey(grey: GreyImage): Int32Array {
  const unit = grey.values.every(Number.isInteger) ? 1 : 257;
  return Int32Array.from(grey.values, (value) => Math.round(value * unit));
}
