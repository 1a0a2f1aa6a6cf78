/** What other scanners, viewers and users do to an image, for the robustness of queries. Pixels in, a PNG or JPEG out. */
import sharp, { type Sharp } from "sharp";

export interface Alteration {
  readonly name: string;
  /** What is done, for the report. */
  readonly means: string;
  alter(image: Buffer): Promise<Buffer>;
}

const BLACK = { r: 0, g: 0, b: 0 };
const ANGLE_DEGREES = 10;
const WINDOW_SHIFT = 0.1 * 255;
/** Of each side: 15 % off at either edge, or black margins that make the image 70 % of the whole. */
const MIDDLE = 0.7;

export const ALTERATIONS: readonly Alteration[] = [
  altered("flip", "mirrored left to right", (image) => image.flop()),
  altered("rotated +10°", "turned clockwise, corners cut to the old size", rotated(ANGLE_DEGREES)),
  altered("rotated −10°", "turned the other way", rotated(-ANGLE_DEGREES)),
  altered(
    "gamma 0.7",
    "brighter middle greys",
    tones((value) => 255 * (value / 255) ** 0.7),
  ),
  altered(
    "gamma 1.4",
    "darker middle greys",
    tones((value) => 255 * (value / 255) ** 1.4),
  ),
  altered(
    "window +10 %",
    "every grey raised by a tenth of the range",
    tones((value) => value + WINDOW_SHIFT),
  ),
  altered(
    "window −10 %",
    "every grey lowered by a tenth of the range",
    tones((value) => value - WINDOW_SHIFT),
  ),
  altered("cropped", "the middle 70 % of either side", cropped),
  altered("margin", "black margins of 15 % of either side around it", padded),
  altered("JPEG 50", "JPEG at quality 50", (image) => image.jpeg({ quality: 50 })),
  altered("half resolution", "reduced to half its size and enlarged again", halved),
];

type Step = (image: Sharp, size: { readonly width: number; readonly height: number }) => Sharp | Promise<Sharp>;

function altered(name: string, means: string, step: Step): Alteration {
  return {
    name,
    means,
    alter: async (bytes) => {
      const { width, height } = await sharp(bytes).metadata();
      const result = await step(sharp(bytes), { width, height });
      return name.startsWith("JPEG") ? result.toBuffer() : result.png().toBuffer();
    },
  };
}

function rotated(degrees: number): Step {
  return async (image, { width, height }) => {
    const turned = await image.rotate(degrees, { background: BLACK }).png().toBuffer({ resolveWithObject: true });
    const left = Math.max(0, Math.floor((turned.info.width - width) / 2));
    const top = Math.max(0, Math.floor((turned.info.height - height) / 2));
    return sharp(turned.data).extract({ left, top, width, height });
  };
}

function tones(tone: (value: number) => number): Step {
  const table = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.max(0, Math.round(tone(value)))));
  return async (image) => {
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return sharp(Buffer.from(data.map((value) => table[value] ?? 0)), { raw: { width, height, channels } });
  };
}

function cropped(image: Sharp, { width, height }: { readonly width: number; readonly height: number }): Sharp {
  const [inner, tall] = [Math.round(width * MIDDLE), Math.round(height * MIDDLE)];
  const left = Math.floor((width - inner) / 2);
  const top = Math.floor((height - tall) / 2);
  return image.extract({ left, top, width: inner, height: tall });
}

function padded(image: Sharp, { width, height }: { readonly width: number; readonly height: number }): Sharp {
  const sides = Math.round((width * (1 / MIDDLE - 1)) / 2);
  const ends = Math.round((height * (1 / MIDDLE - 1)) / 2);
  return image.extend({ left: sides, right: sides, top: ends, bottom: ends, background: BLACK });
}

async function halved(
  image: Sharp,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<Sharp> {
  const small = await image
    .resize(Math.ceil(width / 2), Math.ceil(height / 2), { fit: "fill" })
    .png()
    .toBuffer();
  return sharp(small).resize(width, height, { fit: "fill", kernel: "linear" });
}
