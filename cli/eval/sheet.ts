/** A picture sheet: queries and the ten nearest of each, right ones framed green and wrong ones red, to look at. */
import sharp, { type OverlayOptions } from "sharp";
import type { Encoder } from "../../schemas/index.js";
import { eachOf } from "./embed.js";
import { type EvalImage, imagePath } from "./manifest.js";
import type { Evaluation } from "./run.js";
import type { QueryFigures } from "./ways.js";

const CELL = 112;
const FRAME = 4;
const CAPTION = 15;
const COLUMNS = 11;
const AT_ONCE = 8;
const PER_CLASS = 2;
const RIGHT = "#2e9e4f";
const WRONG = "#d43f2f";
const QUERY = "#777777";

interface Cell {
  readonly image: EvalImage;
  readonly colour: string;
  readonly column: number;
  readonly row: number;
}

/** Of each class its worst query and a middling one, by the search that rescores 100 candidates. @returns a PNG */
export async function pictureSheet(
  encoder: Encoder,
  { queries, imageOf }: Evaluation,
  imagesFolder: string,
): Promise<Buffer> {
  const rows = chosenQueries(queries);
  const cells = rows.flatMap(({ query, nearest }, row): Cell[] => [
    { image: query, colour: QUERY, column: 0, row },
    ...nearest.flatMap((id, index) => {
      const image = imageOf.get(id);
      if (image === undefined) return [];
      return { image, colour: image.className === query.className ? RIGHT : WRONG, column: index + 1, row };
    }),
  ]);
  // The encoder's own previews: they exist for DICOM as well.
  const overlays = await eachOf(cells, AT_ONCE, async (cell) => {
    const options = { frames: [cell.image.frame], previewSize: CELL - 2 * FRAME };
    const [frame] = (await encoder.encode({ path: imagePath(imagesFolder, cell.image) }, options)).frames;
    return frame?.preview === undefined ? [] : framed(frame.preview, cell);
  });
  const size = { width: COLUMNS * CELL, height: rows.length * (CELL + CAPTION) };
  return sharp({ create: { ...size, channels: 3, background: "#111111" } })
    .composite(overlays.flat())
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

async function framed(preview: Uint8Array, { image, colour, column, row }: Cell): Promise<OverlayOptions[]> {
  const inner = CELL - 2 * FRAME;
  const [left, top] = [column * CELL, row * (CELL + CAPTION)];
  const picture = await sharp(preview).resize(inner, inner, { fit: "contain", background: "#000000" }).png().toBuffer();
  // Long names in smaller type, so that they are whole.
  const label = `<svg xmlns="http://www.w3.org/2000/svg" width="${CELL}" height="${CAPTION}"><text x="3" y="11" font-size="${Math.min(10, 190 / image.className.length).toFixed(1)}" font-family="sans-serif" fill="#dddddd">${escaped(image.className)}</text></svg>`;
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
