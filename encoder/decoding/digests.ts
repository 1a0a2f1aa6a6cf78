/** Digests of files and of pixels, as `schemas/encoding.ts` defines them. */
import { createHash } from "node:crypto";

/** Of a SHA-256 in hex, the first 128 bits: what is stored with a point. */
export function first128Bits(sha256: string): string {
  return sha256.slice(0, 32);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Of the values as int32 little endian. */
export function int32Sha256(values: Int32Array): string {
  const bytes = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, index) => {
    bytes.setInt32(index * 4, value, true);
  });
  return sha256(new Uint8Array(bytes.buffer));
}
