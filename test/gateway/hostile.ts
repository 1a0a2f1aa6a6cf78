/** Bodies that are small on the wire and large in memory, or not what they claim to be. All of them made here. */
import { crc32, createDeflate, createDeflateRaw, deflateRawSync, gzipSync } from "node:zlib";

/** A sound PNG of black pixels, one bit each. */
export async function blackPng(columns: number, rows: number): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.writeUInt8(1, 8); // bits a sample; the rest 0: grey, no interlace
  const row = Buffer.alloc(1 + Math.ceil(columns / 8));
  const data = await deflated(createDeflate(), row, rows);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    pngChunk("IHDR", header),
    pngChunk("IDAT", data),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Any deflated DICOM file's meta information before `megabytes` of deflated zeros. */
export async function deflatedDicomBomb(sound: Buffer, megabytes: number): Promise<Buffer> {
  // Preamble and prefix, then (0002,0000) UL: its value is the length of what follows of the meta information.
  const metaEnd = 144 + sound.readUInt32LE(140);
  const zeros = await deflated(createDeflateRaw(), Buffer.alloc(1024 * 1024), megabytes);
  return Buffer.concat([sound.subarray(0, metaEnd), zeros]);
}

/** A gzip stream that inflates to a JSON object with `megabytes` of spaces in it. */
export function gzippedJson(megabytes: number): Buffer {
  return gzipSync(Buffer.concat([Buffer.from("{"), Buffer.alloc(megabytes * 1024 * 1024, " "), Buffer.from("}")]));
}

/** A zip archive with one deflated file of zeros. */
export function zipArchive(megabytes: number): Buffer {
  const content = Buffer.alloc(megabytes * 1024 * 1024);
  const packed = deflateRawSync(content);
  const name = Buffer.from("zeros");
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(crc32(content), 0);
  sizes.writeUInt32LE(packed.length, 4);
  sizes.writeUInt32LE(content.length, 8);
  const versionAndMethod = Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
  const lengths = Buffer.from([name.length, 0, 0, 0]);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), versionAndMethod, sizes, lengths, name, packed]);
  const central = Buffer.concat([
    Buffer.from("PK\x01\x02"),
    Buffer.from([20, 0]),
    versionAndMethod,
    sizes,
    lengths,
    Buffer.alloc(14),
    name,
  ]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

async function deflated(stream: NodeJS.ReadWriteStream, block: Buffer, times: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve, reject) => stream.once("end", resolve).once("error", reject));
  for (let at = 0; at < times; at++) {
    if (!stream.write(block)) await new Promise<void>((resolve) => stream.once("drain", resolve));
  }
  stream.end();
  await ended;
  return Buffer.concat(parts);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}
