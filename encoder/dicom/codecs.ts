/**
 * The WebAssembly codecs (JPEG, JPEG 2000 and HTJ2K of `dcmjs-codecs`; `jpeg-ls.ts`), behind one function. A library's
 * codec that failed may leave its memory unsound, so the module is made anew by the next `initCodecs()`.
 */
import dcmjsCodecs from "dcmjs-codecs";
import { DafhError } from "../../schemas/index.js";
import { type CodestreamHeader, readCodestreamHeader } from "./codestream-headers.js";
import type { ImageDescription } from "./image-description.js";
import { decodeJpegLs, renewJpegLs } from "./jpeg-ls.js";
import { type Cells, wholeCells } from "./native-pixels.js";
import type { CodecName } from "./transfer-syntaxes.js";

const { Context, NativeCodecs } = dcmjsCodecs;

let needsRenewal = true;

/** Makes the codecs ready. Await it before each file: it costs nothing unless one failed since. */
export async function initCodecs(): Promise<void> {
  if (!needsRenewal) return;
  await Promise.all([NativeCodecs.initializeAsync(), renewJpegLs()]);
  needsRenewal = false;
}

/**
 * Samples of one compressed frame, those of a pixel together, unsigned in cells of 8 or 16 bits; valid until the next one
 * is decoded.
 *
 * @throws DafhError PIXEL_DATA_MISMATCH, PIXEL_DATA_CORRUPT or UNSUPPORTED_PIXEL_FORMAT
 */
export function decodeCodestream(
  bytes: Uint8Array,
  compression: CodecName,
  image: ImageDescription,
): { readonly cells: Cells /** Bits that a sample may have. */; readonly bits: number } {
  const header = readCodestreamHeader(bytes, compression);
  checkAgainstDataset(header, image);
  const cellBits = header.precision <= 8 ? 8 : 16;
  const decoded = run(bytes, compression, header, cellBits, image);
  const count = image.rows * image.columns * image.samplesPerPixel;
  if (decoded.length !== (count * cellBits) / 8) {
    throw new DafhError(
      "PIXEL_DATA_CORRUPT",
      `the codec gave ${decoded.length} bytes instead of ${(count * cellBits) / 8}`,
    );
  }
  // JPEG-LS has no sample above its MAXVAL (ISO 14495-1); what others have lost may take them past their precision.
  const bits = compression === "jpeg-ls" ? header.precision : cellBits;
  return { cells: wholeCells(decoded, count, cellBits === 8 ? 1 : 2, true), bits };
}

function run(
  bytes: Uint8Array,
  compression: CodecName,
  header: CodestreamHeader,
  cellBits: number,
  image: ImageDescription,
): Uint8Array {
  const context = (): InstanceType<typeof Context> =>
    new Context({
      width: header.columns,
      height: header.rows,
      bitsAllocated: cellBits,
      bitsStored: header.precision,
      samplesPerPixel: header.samplesPerPixel,
      pixelRepresentation: image.signed ? 1 : 0,
      planarConfiguration: 0,
      photometricInterpretation: image.photometricInterpretation,
      encodedBuffer: bytes,
    });
  try {
    const buffer =
      compression === "jpeg-ls" ? decodeJpegLs(bytes) : decoderOf(compression)(context()).getDecodedBuffer();
    if (buffer === undefined) throw new Error("the codec gave nothing");
    return buffer;
  } catch (cause) {
    // Our own decoder's: nothing has failed but the codestream.
    if (cause instanceof DafhError) throw cause;
    needsRenewal = true;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DafhError(
      "PIXEL_DATA_CORRUPT",
      `the ${compression} codestream cannot be decoded: ${reason}`,
      {},
      { cause },
    );
  }
}

function decoderOf(compression: Exclude<CodecName, "jpeg-ls">) {
  switch (compression) {
    case "jpeg":
      return (context: InstanceType<typeof Context>) =>
        NativeCodecs.decodeJpeg(context, { convertColorspaceToRgb: false });
    case "jpeg-2000":
      return (context: InstanceType<typeof Context>) => NativeCodecs.decodeJpeg2000(context);
    case "htj2k":
      return (context: InstanceType<typeof Context>) => NativeCodecs.decodeHtJpeg2000(context);
  }
}

function checkAgainstDataset(header: CodestreamHeader, image: ImageDescription): void {
  if (
    header.rows !== image.rows ||
    header.columns !== image.columns ||
    header.samplesPerPixel !== image.samplesPerPixel
  ) {
    throw new DafhError(
      "PIXEL_DATA_MISMATCH",
      `the codestream is ${header.rows} × ${header.columns} × ${header.samplesPerPixel}, the dataset says ${image.rows} × ${image.columns} × ${image.samplesPerPixel}`,
    );
  }
  if (header.precision < 2 || header.precision > 16) {
    throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", `a codestream of ${header.precision} bits a sample`);
  }
  if (header.precision > image.bitsAllocated) {
    throw new DafhError(
      "PIXEL_DATA_MISMATCH",
      `the codestream has ${header.precision} bits a sample, the dataset ${image.bitsAllocated} allocated`,
    );
  }
}
