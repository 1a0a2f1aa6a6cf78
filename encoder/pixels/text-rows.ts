/**
 * Whether a picture has a row of marks that look like printed letters: alike in height, side by side on one line, hard
 * edged on even ground, as viewers and scanners write names and dates beside the image. It reads nothing, and it does
 * not see handwriting, letters over anatomy, or fewer than five of them (a side, a scale).
 */
import type { GreyImage } from "./grey-image.js";

const LEAST_LETTERS = 5;
/** Of a letter, pixels: fewer cannot be read, larger ones are drawings. */
const LEAST_HEIGHT = 5;
const MOST_HEIGHT = 48;
const MOST_WIDTH_OF_HEIGHT = 1.8;
/** Of the letter's box: more is a block. */
const MOST_FILLED = 0.92;
/** Grey levels from the ground to the brightest of a letter. */
const LEAST_CONTRAST = 80;
/** White, grey and dim letters; the inverted image has the black ones. */
const LEVELS = [64, 96, 128, 160, 192, 224];
/** A larger picture is looked at in reduced size: its letters are larger as well. */
const MOST_PIXELS = 4 * 1024 * 1024;

interface Mark {
  left: number;
  top: number;
  right: number;
  bottom: number;
  pixels: number;
  brightest: number;
  partOf?: Mark;
}

/** @param image display scale */
export function hasTextRow(image: GreyImage): boolean {
  const bright = reduced(image);
  const dark = { ...bright, values: bright.values.map((value) => 255 - value) };
  return [bright, dark].some((seen) => LEVELS.some((level) => hasRow(lettersAbove(seen, level))));
}

function lettersAbove(image: GreyImage, level: number): Mark[] {
  return marksAbove(image, level).filter((mark) => {
    const [width, height] = sizeOf(mark);
    if (height < LEAST_HEIGHT || height > MOST_HEIGHT || width > MOST_WIDTH_OF_HEIGHT * height) return false;
    if (mark.pixels > MOST_FILLED * width * height) return false;
    const ground = groundOf(image, mark);
    return ground < level / 2 && mark.brightest - ground > LEAST_CONTRAST;
  });
}

const sizeOf = ({ left, top, right, bottom }: Mark): readonly [number, number] => [right - left + 1, bottom - top + 1];

interface Run {
  readonly left: number;
  readonly right: number;
  readonly mark: Mark;
}

/** What is connected among the pixels of at least that level, corners included: runs of a row joined to those above. */
function marksAbove({ rows, columns, values }: GreyImage, level: number): Mark[] {
  const marks: Mark[] = [];
  let above: Run[] = [];
  for (let row = 0; row < rows; row++) {
    const runs: Run[] = [];
    let first = 0;
    for (let column = 0, index = row * columns; column < columns; column++, index++) {
      if ((values[index] ?? 0) < level) continue;
      const left = column;
      let brightest = 0;
      for (let value = values[index] ?? 0; column < columns && value >= level; value = values[index] ?? 0) {
        brightest = Math.max(brightest, value);
        column++;
        index++;
      }
      const mark: Mark = { left, top: row, right: column - 1, bottom: row, pixels: column - left, brightest };
      marks.push(mark);
      runs.push({ left, right: column - 1, mark });
      while ((above[first]?.right ?? left) < left - 1) first++;
      for (let next = first; ; next++) {
        const neighbour = above[next];
        if (neighbour === undefined || neighbour.left > column) break;
        join(neighbour.mark, mark);
      }
    }
    above = runs;
  }
  return marks.filter(({ partOf }) => partOf === undefined);
}

function whole(mark: Mark): Mark {
  let found = mark;
  while (found.partOf !== undefined) found = found.partOf;
  if (mark !== found) mark.partOf = found;
  return found;
}

function join(one: Mark, other: Mark): void {
  const [into, part] = [whole(one), whole(other)];
  if (into === part) return;
  part.partOf = into;
  into.left = Math.min(into.left, part.left);
  into.top = Math.min(into.top, part.top);
  into.right = Math.max(into.right, part.right);
  into.bottom = Math.max(into.bottom, part.bottom);
  into.pixels += part.pixels;
  into.brightest = Math.max(into.brightest, part.brightest);
}

/** Mean of the lines two pixels above and below the mark. */
function groundOf({ rows, columns, values }: GreyImage, { left, top, right, bottom }: Mark): number {
  const [from, to] = [Math.max(0, left - 2), Math.min(columns - 1, right + 2)];
  let sum = 0;
  for (const row of [Math.max(0, top - 2), Math.min(rows - 1, bottom + 2)]) {
    for (let column = from; column <= to; column++) sum += values[row * columns + column] ?? 0;
  }
  return sum / (2 * (to - from + 1));
}

/** Each letter is of about the height of the one before it, on its line, and no further away than that. */
function hasRow(letters: readonly Mark[]): boolean {
  const sorted = letters.toSorted((a, b) => a.left - b.left || a.top - b.top);
  const used = new Set<Mark>();
  for (const [index, start] of sorted.entries()) {
    if (used.has(start)) continue;
    let last = start;
    let length = 1;
    for (let next = index + 1; next < sorted.length; next++) {
      const letter = sorted[next];
      if (letter === undefined || letter.left - last.right > MOST_HEIGHT) break;
      if (!follows(last, letter)) continue;
      used.add(letter);
      last = letter;
      length += 1;
    }
    if (length >= LEAST_LETTERS) return true;
  }
  return false;
}

function follows(last: Mark, letter: Mark): boolean {
  const gap = letter.left - last.right - 1;
  const [before, height] = [sizeOf(last)[1], sizeOf(letter)[1]];
  const taller = Math.max(before, height);
  return (
    gap >= -1 &&
    gap <= taller &&
    Math.min(before, height) >= 0.6 * taller &&
    Math.abs(last.bottom - letter.bottom) <= Math.max(1, 0.2 * taller)
  );
}

/** Means of squares of pixels, as small as it takes. */
function reduced(image: GreyImage): GreyImage {
  const factor = Math.ceil(Math.sqrt((image.rows * image.columns) / MOST_PIXELS));
  if (factor <= 1) return image;
  const [rows, columns] = [Math.floor(image.rows / factor), Math.floor(image.columns / factor)];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows * factor; row++) {
    for (let column = 0; column < columns * factor; column++) {
      const index = Math.floor(row / factor) * columns + Math.floor(column / factor);
      values[index] = (values[index] ?? 0) + (image.values[row * image.columns + column] ?? 0) / factor ** 2;
    }
  }
  return { ...image, rows, columns, values };
}
