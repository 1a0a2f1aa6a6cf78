/** The dataset of a deflated file (PS3.5 A.5), inflated within the limits. What is read from it is others' matter. */
import { inflateRawSync } from "node:zlib";
import { DafhError } from "../../schemas/index.js";
import { checkRatio, type DicomLimits, mostDecompressed } from "./limits.js";

/** @throws DafhError LIMIT_EXCEEDED, DECOMPRESSION_RATIO, DICOM_TRUNCATED or DICOM_CORRUPT */
export function inflated(deflated: Uint8Array, limits: DicomLimits): Uint8Array {
  const most = Math.min(limits.inflatedBytes, mostDecompressed(deflated.length, limits));
  try {
    return inflateRawSync(deflated, { maxOutputLength: most });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE") {
      if (most < limits.inflatedBytes) checkRatio(deflated.length, most + 1, limits);
      throw new DafhError("LIMIT_EXCEEDED", `the deflated dataset is larger than ${limits.inflatedBytes} bytes`);
    }
    if (code === "Z_BUF_ERROR")
      throw new DafhError("DICOM_TRUNCATED", "the deflated dataset is cut off", {}, { cause });
    throw new DafhError("DICOM_CORRUPT", "the dataset cannot be inflated", {}, { cause });
  }
}
