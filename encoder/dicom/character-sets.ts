/**
 * DICOM text → Unicode by Specific Character Set (0008,0005): single-byte sets, ISO 2022 with Japanese and Korean,
 * GB18030, GBK and UTF-8. The tables are `dicom-character-set`'s.
 */
import { convertBytes } from "dicom-character-set";

/**
 * `characterSets` as the file has it, values separated by backslashes. Where the file names a set that does not
 * exist, bytes are read as Latin-1: wrong letters at worst, never a lost value, and the same ones each time.
 */
export function decodeText(bytes: Uint8Array, characterSets: string | undefined, vr: string): string {
  try {
    return convertBytes(characterSets, bytes, { vr });
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }
}
