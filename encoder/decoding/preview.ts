/** Previews as 8-bit grey PNG. */
import sharp from "sharp";
import { type GreyImage, toPreview } from "../pixels/index.js";

/** @param longestSide pixels; a smaller image is not enlarged */
export async function previewPng(image: GreyImage, longestSide: number): Promise<Uint8Array<ArrayBuffer>> {
  const { rows, columns, values } = toPreview(image, longestSide);
  const png = await sharp(values, { raw: { width: columns, height: rows, channels: 1 } })
    .toColourspace("b-w")
    .png({ compressionLevel: 6 })
    .toBuffer();
  // sharp's buffer may share its memory with others; this one is handed over.
  return new Uint8Array(png);
}
