/**
 * Comments and application segments of compressed frames (JPEG, JPEG-LS: T.81 B.2.4; JPEG 2000: T.800 A.9.2): a camera
 * or a workstation may have written a name, a date or a place there, where no DICOM attribute shows it. All but known
 * signatures of encoders are overwritten with spaces: no length changes, and no bit that the image is decoded from.
 */
import { walkFragments } from "../dataset-reader.js";
import { latin1 } from "./values.js";

const SPACE = 0x20;

/** What encoders sign with, and what decoders need (Adobe's and HP's colour transforms); a JFIF thumbnail is too long. */
const HARMLESS = [
  /^(?:JFIF|LJIF)\0[\s\S]{7,10}$/,
  /^Adobe[\s\S]{7}$/,
  /^mrfx[\s\S]$/,
  /^SPIFF\0[\s\S]{24,26}$/,
  /^(?:MITRA_DICOM_STANDARD|Created by (?:GDCM\/)?OpenJPEG(?: version)?[ \d.]*|Kakadu-v?[\d.]+|OpenJPH Ver [\d.]+|LEADTOOLS v?[\d.]+)[\0 ]*$/,
];

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * @param fragments the items of encapsulated pixel data, with their headers
 * @returns the same with comments blank, or undefined where there is nothing to change
 */
export function withoutComments(fragments: Uint8Array): Uint8Array | undefined {
  const ranges: Range[] = [];
  const view = new DataView(fragments.buffer, fragments.byteOffset, fragments.byteLength);
  walkFragments({ view }, 0, fragments.length, (offset, length) => {
    const frame = fragments.subarray(offset, offset + length);
    for (const { start, end } of commentsOf(frame)) ranges.push({ start: offset + start, end: offset + end });
  });
  const unknown = ranges.filter(({ start, end }) => {
    const content = latin1(fragments.subarray(start, end));
    return content.trim() !== "" && !HARMLESS.some((pattern) => pattern.test(content));
  });
  if (unknown.length === 0) return undefined;
  const cleaned = Uint8Array.from(fragments);
  for (const { start, end } of unknown) cleaned.fill(SPACE, start, end);
  return cleaned;
}

/** The contents of comments; a frame's later fragments, which begin with no header, have none that could be told. */
function commentsOf(frame: Uint8Array): Range[] {
  if (frame[0] !== 0xff) return [];
  if (frame[1] === 0xd8) return jpegComments(frame);
  return frame[1] === 0x4f ? jpeg2000Comments(frame) : [];
}

function jpegComments(frame: Uint8Array): Range[] {
  const found: Range[] = [];
  let offset = 2;
  while (offset + 4 <= frame.length) {
    const marker = frame[offset + 1] ?? 0;
    if (frame[offset] !== 0xff || marker < 0xc0) {
      // Coded data: within it, 0xff is never followed by a marker of a segment.
      const next = frame.indexOf(0xff, offset + 1);
      if (next < 0) break;
      offset = next;
      continue;
    }
    // Restart and start markers stand alone, and fill bytes may precede any.
    if (marker === 0xff) offset += 1;
    else if (marker === 0xd9) break;
    else if (marker >= 0xd0 && marker <= 0xd8) offset += 2;
    else {
      const end = offset + 2 + lengthAt(frame, offset + 2);
      if (marker === 0xfe || (marker & 0xf0) === 0xe0)
        found.push({ start: offset + 4, end: Math.min(end, frame.length) });
      offset = Math.max(end, offset + 2);
    }
  }
  return found;
}

/** Of the main header, which ends where the first tile part begins. */
function jpeg2000Comments(frame: Uint8Array): Range[] {
  const found: Range[] = [];
  let offset = 2;
  while (offset + 4 <= frame.length && frame[offset] === 0xff && frame[offset + 1] !== 0x90) {
    const end = offset + 2 + lengthAt(frame, offset + 2);
    // Behind the length stand two bytes that say whether it is text.
    if (frame[offset + 1] === 0x64) found.push({ start: offset + 6, end: Math.min(end, frame.length) });
    offset = Math.max(end, offset + 2);
  }
  return found.filter(({ start, end }) => start < end);
}

function lengthAt(frame: Uint8Array, offset: number): number {
  return (frame[offset] ?? 0) * 256 + (frame[offset + 1] ?? 0);
}
