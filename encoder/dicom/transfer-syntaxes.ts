/**
 * The transfer syntaxes that can be read (PS3.5 section 10 and annex A): how the dataset is encoded, and what the
 * pixel data is compressed with. Encapsulated ones are explicit little endian outside the pixels.
 */
import type { Encoding } from "./dataset-reader.js";

/** What `codecs.ts` decodes. */
export type CodecName = "jpeg" | "jpeg-ls" | "jpeg-2000" | "htj2k";
export type Compression = "none" | "rle" | "deflated-frame" | CodecName;

export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  readonly encoding: Encoding;
  readonly deflated: boolean;
  readonly compression: Compression;
}

export const IMPLICIT_LITTLE_ENDIAN: Encoding = { explicitVr: false, littleEndian: true };
export const EXPLICIT_LITTLE_ENDIAN: Encoding = { explicitVr: true, littleEndian: true };
export const EXPLICIT_BIG_ENDIAN: Encoding = { explicitVr: true, littleEndian: false };

const native = (uid: string, name: string, encoding: Encoding, deflated = false): TransferSyntax => ({
  uid,
  name,
  encoding,
  deflated,
  compression: "none",
});

const encapsulated = (uid: string, name: string, compression: Compression): TransferSyntax => ({
  uid,
  name,
  encoding: EXPLICIT_LITTLE_ENDIAN,
  deflated: false,
  compression,
});

export const TRANSFER_SYNTAXES: readonly TransferSyntax[] = [
  native("1.2.840.10008.1.2", "Implicit VR Little Endian", IMPLICIT_LITTLE_ENDIAN),
  native("1.2.840.10008.1.2.1", "Explicit VR Little Endian", EXPLICIT_LITTLE_ENDIAN),
  native("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", EXPLICIT_LITTLE_ENDIAN, true),
  native("1.2.840.10008.1.2.2", "Explicit VR Big Endian", EXPLICIT_BIG_ENDIAN),
  encapsulated("1.2.840.10008.1.2.5", "RLE Lossless", "rle"),
  encapsulated("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", "deflated-frame"),
  encapsulated("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", "jpeg"),
  encapsulated("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", "jpeg"),
  // Retired in 2001, still in archives.
  encapsulated("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection (Process 6 and 8)", "jpeg"),
  encapsulated("1.2.840.10008.1.2.4.55", "JPEG Full Progression (Process 10 and 12)", "jpeg"),
  encapsulated("1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", "jpeg"),
  encapsulated("1.2.840.10008.1.2.4.70", "JPEG Lossless (Process 14, Selection Value 1)", "jpeg"),
  encapsulated("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", "jpeg-ls"),
  encapsulated("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", "jpeg-ls"),
  encapsulated("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", "jpeg-2000"),
  encapsulated("1.2.840.10008.1.2.4.91", "JPEG 2000", "jpeg-2000"),
  encapsulated("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless", "htj2k"),
  encapsulated("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 Lossless, RPCL", "htj2k"),
  encapsulated("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", "htj2k"),
];

const BY_UID: ReadonlyMap<string, TransferSyntax> = new Map(TRANSFER_SYNTAXES.map((syntax) => [syntax.uid, syntax]));

export function transferSyntax(uid: string): TransferSyntax | undefined {
  return BY_UID.get(uid);
}

/** The uncompressed syntax of an encoding, for files that do not name theirs. */
export function nativeSyntax(encoding: Encoding): TransferSyntax {
  const found = TRANSFER_SYNTAXES.find((syntax) => syntax.encoding === encoding && syntax.compression === "none");
  if (found === undefined) throw new Error("every encoding has an uncompressed transfer syntax");
  return found;
}
