/** Writes zip archives for tests, sound and unsound ones: the product only reads them. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipItem {
  readonly name: string;
  readonly content: Uint8Array;
  readonly encrypted?: boolean;
  /** What the directory states in place of the true inflated size. */
  readonly statedSize?: number;
  /** Point to the first item's bytes in place of bytes of its own. */
  readonly overlapsFirst?: boolean;
}

/** A zip archive with deflated entries (APPNOTE 4.3). */
export function zipOf(items: readonly ZipItem[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const item of items) {
    const name = Buffer.from(item.name);
    const deflated = deflateRawSync(item.content);
    const place = item.overlapsFirst === true ? 0 : offset;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE((item.encrypted === true ? 1 : 0) | 0x800, 2);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(item.content), 10);
    fields.writeUInt32LE(deflated.length, 14);
    fields.writeUInt32LE(item.statedSize ?? item.content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    if (item.overlapsFirst !== true) {
      const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), fields, name, deflated]);
      parts.push(local);
      offset += local.length;
    }
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(place, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, rest, name);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(items.length, 8);
  end.writeUInt16LE(items.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
