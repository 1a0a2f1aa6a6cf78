/** A picture sheet: queries and the ten nearest of each, right ones framed green and wrong ones red, to look at. */
import sharp, { type OverlayOptions } from "sharp";
import { imagePath } from "./manifest.js";
import type { Evaluation } from "./run.js";
import type { QueryFigures } from "./ways.js";

const CELL = 112;
const FRAME = 4;
const CAPTION = 15;
const COLUMNS = 11;
const PER_CLASS = 2;
const RIGHT = "#2e9e4f";
const WRONG = "#d43f2f";
const QUERY = "#777777";

/** Of each class its worst query and a middling one, by the search that rescores 100 candidates. @returns a PNG */
export async function pictureSheet(evaluation: Evaluation, imagesFolder: string): Promise<Buffer> {
  const rows = chosenQueries(evaluation.queries);
  const cells: OverlayOptions[] = [];
  for (const [row, { query, nearest }] of rows.entries()) {
    const top = row * (CELL + CAPTION);
    cells.push(...(await cell(imagePath(imagesFolder, query), query.className, QUERY, 0, top)));
    for (const [column, id] of nearest.entries()) {
      const found = evaluation.imageOf.get(id);
      if (found === undefined) continue;
      const colour = found.className === query.className ? RIGHT : WRONG;
      cells.push(...(await cell(imagePath(imagesFolder, found), found.className, colour, (column + 1) * CELL, top)));
    }
  }
  const size = { width: COLUMNS * CELL, height: rows.length * (CELL + CAPTION) };
  return sharp({ create: { ...size, channels: 3, background: "#111111" } })
    .composite(cells)
    .png()
    .toBuffer();
}

function chosenQueries(queries: readonly QueryFigures[]): QueryFigures[] {
  const classes = new Map<string, QueryFigures[]>();
  for (const query of queries) {
    const ofClass = classes.get(query.query.className);
    if (ofClass === undefined) classes.set(query.query.className, [query]);
    else ofClass.push(query);
  }
  const precision = (query: QueryFigures): number => query.ways.get("hashToFloat100")?.averagePrecision ?? 0;
  return [...classes]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, ofClass]) => {
      const sorted = [...ofClass].sort((one, other) => precision(one) - precision(other));
      const middle = sorted[Math.floor(sorted.length / 2)];
      const [worst] = sorted;
      return [worst, middle].filter((query) => query !== undefined).slice(0, Math.min(PER_CLASS, sorted.length));
    });
}

async function cell(
  file: string,
  caption: string,
  colour: string,
  left: number,
  top: number,
): Promise<OverlayOptions[]> {
  const inner = CELL - 2 * FRAME;
  const picture = await sharp(file)
    .resize(inner, inner, { fit: "contain", background: "#000000" })
    .removeAlpha()
    .png()
    .toBuffer();
  const label = `<svg xmlns="http://www.w3.org/2000/svg" width="${CELL}" height="${CAPTION}"><text x="3" y="11" font-size="10" font-family="sans-serif" fill="#dddddd">${escaped(caption.slice(0, 22))}</text></svg>`;
  // A square of its own behind the picture: extending a grey image would make its frame grey too.
  const frame = { create: { width: CELL, height: CELL, channels: 3, background: colour } } as const;
  return [
    { input: frame, left, top },
    { input: picture, left: left + FRAME, top: top + FRAME },
    { input: Buffer.from(label), left, top: top + CELL },
  ];
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
