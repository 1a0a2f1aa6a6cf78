/**
 * Overlays of old files lie in bits of the pixel data that the image does not use (PS3.5 8.1.2, retired): the profile
 * removes overlays, so their bits are cleared. The image's own bits are not touched.
 */
import { DafhError } from "../../../schemas/index.js";
import { formatTag } from "../dictionary.js";
import type { TopLevel } from "./top-level.js";

const PIXEL_DATA = 0x7fe00010;
const FIRST_OVERLAY_GROUP = 0x6000;
const LAST_OVERLAY_GROUP = 0x60ff;

/** @returns the pixel data without overlays, or undefined where it holds none; @throws DafhError BURNED_IN_TEXT where they lie in compressed pixels */
export function withoutOverlayBits(file: TopLevel, pixelData: Uint8Array): Uint8Array | undefined {
  const allocated = file.uint16(0x00280100) ?? 0;
  const stored = file.uint16(0x00280101) ?? allocated;
  const highBit = file.uint16(0x00280102) ?? stored - 1;
  let mask = 0;
  let firstTag = 0;
  for (let group = FIRST_OVERLAY_GROUP; group <= LAST_OVERLAY_GROUP; group += 2) {
    const tag = group * 0x10000 + 0x0102;
    const position = file.uint16(tag) ?? 0;
    const hasOwnData = file.has(group * 0x10000 + 0x3000);
    const isUnused = position > highBit || position <= highBit - stored;
    if (position === 0 || hasOwnData || !isUnused || position >= allocated) continue;
    mask |= 1 << position;
    firstTag ||= tag;
  }
  if (mask === 0) return undefined;
  if (file.element(PIXEL_DATA)?.undefinedLength === true || allocated !== 16) {
    throw new DafhError(
      "BURNED_IN_TEXT",
      "an overlay lies in unused bits of pixels that cannot be changed as they are",
      {
        tag: formatTag(firstTag),
      },
    );
  }
  const cleared = Buffer.from(pixelData);
  const { littleEndian } = file;
  for (let offset = 0; offset + 1 < cleared.length; offset += 2) {
    if (littleEndian) cleared.writeUInt16LE(cleared.readUInt16LE(offset) & ~mask & 0xffff, offset);
    else cleared.writeUInt16BE(cleared.readUInt16BE(offset) & ~mask & 0xffff, offset);
  }
  return cleared;
}
