/**
 * JPEG-LS: one component by `jpeg-ls-scan.ts`, everything else by CharLS, in the WebAssembly build of the Cornerstone
 * project: twice as fast as the one of `dcmjs-codecs`. What the codestream must be is for `codecs.ts` to check, and so is
 * what follows a failure.
 */
import loadCharls from "@cornerstonejs/codec-charls/decodewasmjs";
import { decodeJpegLsScan } from "./jpeg-ls-scan.js";

type JpegLsDecoder = InstanceType<Awaited<ReturnType<typeof loadCharls>>["JpegLSDecoder"]>;

let decoder: JpegLsDecoder | undefined;

/** In place of the one before, with memory of its own. */
export async function renewJpegLs(): Promise<void> {
  const { JpegLSDecoder } = await loadCharls();
  decoder = new JpegLSDecoder();
}

/**
 * Samples: 8 or 16 bits each, those of a pixel together; valid until the next codestream is decoded.
 *
 * @throws whatever the codec throws
 */
export function decodeJpegLs(bytes: Uint8Array): Uint8Array {
  return decodeJpegLsScan(bytes) ?? decodeByCharls(bytes);
}

function decodeByCharls(bytes: Uint8Array): Uint8Array {
  if (decoder === undefined) throw new Error("initCodecs comes first");
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  decoder.decode();
  const { buffer, byteOffset, length } = decoder.getDecodedBuffer();
  const decoded = new Uint8Array(buffer, byteOffset, length);
  const { componentCount } = decoder.getFrameInfo();
  const mode = decoder.getInterleaveMode();
  const isPlanar = (typeof mode === "number" ? mode : mode.value) === 0 && componentCount > 1;
  return isPlanar ? byPixel(decoded, componentCount) : decoded;
}

/** Planes of 8-bit samples (colour has no others in DICOM, PS3.5 8.2.3) → the samples of a pixel together. */
function byPixel(planes: Uint8Array, components: number): Uint8Array {
  const pixels = planes.length / components;
  return planes.map((_, index) => planes[(index % components) * pixels + Math.floor(index / components)] ?? 0);
}
