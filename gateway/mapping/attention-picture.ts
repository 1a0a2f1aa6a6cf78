/** The attention map as a picture to lay over the query's preview: one colour, the more opaque the more a place counted. */
import sharp from "sharp";
import type { AttentionMap } from "../../schemas/index.js";

/** Amber: neither black nor white, and told from grey by people who see colours differently. */
const COLOUR = [255, 176, 0] as const;
/** Out of 255; what lies under the most opaque place can still be made out. */
const MOST_OPAQUE = 170;

/** @returns a PNG as a data URL, one pixel for each place of the map */
export async function attentionPicture({ rows, columns, values }: AttentionMap): Promise<string> {
  const pixels = Uint8Array.from({ length: rows * columns * 4 }, (_, index) => {
    const colour = COLOUR[index % 4];
    return colour ?? Math.round((values[Math.floor(index / 4)] ?? 0) * MOST_OPAQUE);
  });
  const png = await sharp(pixels, { raw: { width: columns, height: rows, channels: 4 } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}
