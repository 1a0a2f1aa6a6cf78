/**
 * The Clean Pixel Data Option (PS3.15 E.3.1): which images may have a name burned in, and blackening where it is known
 * what is image and what is not. There is no text recognition here: where it cannot be known, the file is refused.
 */
import { DafhError } from "../../../schemas/index.js";
import { formatTag } from "../dictionary.js";
import type { TopLevel } from "./top-level.js";

const BURNED_IN_ANNOTATION = 0x00280301;
const ULTRASOUND_REGIONS = 0x00186011;
const PIXEL_DATA = 0x7fe00010;

/** Scanners write a handful; each costs a look at every row. */
const MOST_REGIONS = 64;

const STORAGE = "1.2.840.10008.5.1.4.1.1.";
/** Secondary capture, ultrasound and visible light images (PS3.4 B.5). */
const TEXT_PRONE_CLASSES = /^(?:7|7\.[1-4]|3|3\.1|6|6\.1|77\.1\..*)$/;
/** Conversion Type (0008,0064): all but DI, a digital interface, are screens, films and drawings. */
const CAPTURES = new Set(["DV", "DF", "WSD", "SD", "SI", "DRW", "SYN"]);

/** What a file says about text in its pixels, wherever it was read. */
export interface PixelStatements {
  readonly burnedInAnnotation: string | undefined;
  readonly sopClassUid: string | undefined;
  readonly conversionType: string | undefined;
  readonly imageType: readonly string[];
  readonly hasUltrasoundRegions: boolean;
}

/** Why text may be burned in, or undefined where nothing speaks for it. */
export function burnedInReason(file: PixelStatements): string | undefined {
  switch (file.burnedInAnnotation?.toUpperCase()) {
    case "YES":
      return "Burned In Annotation says YES";
    case "NO":
      return undefined;
    default:
  }
  const sopClass = file.sopClassUid ?? "";
  if (sopClass.startsWith(STORAGE) && TEXT_PRONE_CLASSES.test(sopClass.slice(STORAGE.length))) {
    return "the object is a secondary capture, an ultrasound or a photograph, and Burned In Annotation does not say NO";
  }
  if (CAPTURES.has(file.conversionType?.toUpperCase() ?? "")) return "Conversion Type says that the image was captured";
  if (file.hasUltrasoundRegions) return "the object has ultrasound regions, and Burned In Annotation does not say NO";
  if (file.imageType.some((value) => /SCREEN/i.test(value))) return "Image Type says that it is a saved screen";
  return undefined;
}

export function pixelStatements(file: TopLevel): PixelStatements {
  return {
    burnedInAnnotation: file.string(BURNED_IN_ANNOTATION),
    sopClassUid: file.string(0x00080016),
    conversionType: file.string(0x00080064),
    imageType: file.strings(0x00080008),
    hasUltrasoundRegions: file.has(ULTRASOUND_REGIONS),
  };
}

export function refuseBurnedIn(reason: string): never {
  throw new DafhError("BURNED_IN_TEXT", reason, { tag: formatTag(BURNED_IN_ANNOTATION) });
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Pixel data with everything outside the ultrasound regions black: scanners write names, dates and the institution
 * around the image, not into it.
 * @throws DafhError BURNED_IN_TEXT where there are no regions, or the pixels are compressed
 */
export function blackenOutsideRegions(file: TopLevel, reason: string): Uint8Array {
  const boxes = regions(file);
  const pixels = file.element(PIXEL_DATA);
  if (boxes.length > MOST_REGIONS) refuseBurnedIn(`${reason}, and it has ${boxes.length} ultrasound regions`);
  if (boxes.length === 0 || pixels === undefined) {
    refuseBurnedIn(`${reason}, and no ultrasound regions say where the image is`);
  }
  if (pixels.undefinedLength)
    refuseBurnedIn(`${reason}, and compressed pixels are not blackened; decompress the file first`);
  const [rows, columns] = [file.uint16(0x00280010) ?? 0, file.uint16(0x00280011) ?? 0];
  const samples = file.uint16(0x00280002) ?? 1;
  const bits = file.uint16(0x00280100) ?? 0;
  const photometric = file.string(0x00280004) ?? "";
  if ((bits !== 8 && bits !== 16) || !/^(?:MONOCHROME[12]|PALETTE COLOR|RGB|YBR_FULL)$/.test(photometric)) {
    refuseBurnedIn(`${reason}, and pixels of this kind are not blackened`);
  }
  const planes = samples === 3 && file.uint16(0x00280006) === 1 ? 3 : 1;
  const bytesPerCell = ((planes === 3 ? 1 : samples) * bits) / 8;
  const planeBytes = rows * columns * bytesPerCell;
  const cleaned = Buffer.from(pixels.value);
  if (planeBytes === 0 || cleaned.length < planeBytes)
    refuseBurnedIn(`${reason}, and the pixel data is shorter than its frame`);
  for (let plane = 0; (plane + 1) * planeBytes <= cleaned.length; plane++) {
    // Chroma has its middle where there is no colour.
    const fill = photometric !== "YBR_FULL" ? [0] : planes === 1 ? [0, 128, 128] : plane % 3 === 0 ? [0] : [128];
    for (let row = 0; row < rows; row++) {
      const start = plane * planeBytes + row * columns * bytesPerCell;
      for (const [from, to] of gaps(boxes, row, columns)) {
        cleaned.fill(Uint8Array.from(fill), start + from * bytesPerCell, start + to * bytesPerCell);
      }
    }
  }
  return cleaned;
}

function regions(file: TopLevel): Box[] {
  return file.items(ULTRASOUND_REGIONS).flatMap((item) => {
    const [left, top] = [item.uint32(0x00186018), item.uint32(0x0018601a)];
    const [right, bottom] = [item.uint32(0x0018601c), item.uint32(0x0018601e)];
    const isBox = left !== undefined && top !== undefined && right !== undefined && bottom !== undefined;
    return isBox && left <= right && top <= bottom ? [{ left, top, right, bottom }] : [];
  });
}

/** The columns of a row that no box covers, as [from, to). Boxes hold their last row and column. */
function gaps(boxes: readonly Box[], row: number, columns: number): (readonly [number, number])[] {
  const covering = boxes.filter(({ top, bottom }) => row >= top && row <= bottom).sort((a, b) => a.left - b.left);
  const found: [number, number][] = [];
  let column = 0;
  for (const { left, right } of covering) {
    if (left > column) found.push([column, Math.min(left, columns)]);
    column = Math.max(column, right + 1);
  }
  if (column < columns) found.push([column, columns]);
  return found.filter(([from, to]) => from < to);
}
