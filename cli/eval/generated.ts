/** Images that show nothing of a body, made up from a seed: what a network for CT, MR and PET should call foreign. */
import sharp from "sharp";
import { randomNumbers } from "./bootstrap.js";

export interface GeneratedImage {
  /** What it was made as. */
  readonly kind: string;
  /** A PNG. */
  readonly bytes: Buffer;
}

const EACH = 24;
const SIDE = 192;

/** The same images at every call. */
export async function generatedImages(): Promise<GeneratedImage[]> {
  const random = randomNumbers(7);
  const kinds: Record<string, () => Promise<Buffer>> = {
    "generated: fine noise": () => grey(() => random() * 255),
    "generated: coarse noise": () => coarseNoise(random),
    "generated: gradients": () => gradient(random),
    "generated: bars": () => bars(random),
    "generated: text": () => text(random),
    "generated: constant": () => {
      const value = random() * 255;
      return grey(() => value);
    },
  };
  const images: GeneratedImage[] = [];
  for (const [kind, make] of Object.entries(kinds)) {
    for (let count = 0; count < EACH; count++) images.push({ kind, bytes: await make() });
  }
  return images;
}

function grey(value: (x: number, y: number) => number): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: SIDE * SIDE }, (_, index) => Math.round(value(index % SIDE, Math.floor(index / SIDE)))),
  );
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } })
    .png()
    .toBuffer();
}

function coarseNoise(random: () => number): Promise<Buffer> {
  const cells = 4 + Math.floor(random() * 40);
  const pixels = Buffer.from(Array.from({ length: cells * cells }, () => Math.floor(random() * 256)));
  return sharp(pixels, { raw: { width: cells, height: cells, channels: 1 } })
    .resize(SIDE, SIDE, { kernel: random() < 0.5 ? "nearest" : "cubic" })
    .png()
    .toBuffer();
}

function gradient(random: () => number): Promise<Buffer> {
  const angle = random() * 2 * Math.PI;
  const [along, across] = [Math.cos(angle), Math.sin(angle)];
  return grey((x, y) => 127.5 + (127.5 * ((x - SIDE / 2) * along + (y - SIDE / 2) * across)) / (SIDE * 0.75));
}

function bars(random: () => number): Promise<Buffer> {
  const width = 2 + Math.floor(random() * 30);
  const [dark, light] = [random() * 100, 150 + random() * 105];
  const upright = random() < 0.5;
  return grey((x, y) => (Math.floor((upright ? x : y) / width) % 2 === 0 ? dark : light));
}

function text(random: () => number): Promise<Buffer> {
  const size = 10 + Math.floor(random() * 20);
  const letters = (): string => String.fromCharCode(97 + Math.floor(random() * 26));
  const line = (): string => Array.from({ length: 26 }, () => (random() < 0.2 ? " " : letters())).join("");
  const lines = Array.from(
    { length: Math.ceil(SIDE / size) },
    (_, row) => `<text x="4" y="${(row + 1) * size}">${line()}</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}"><rect width="100%" height="100%" fill="white"/><g font-size="${size * 0.8}" font-family="sans-serif">${lines.join("")}</g></svg>`;
  return sharp(Buffer.from(svg)).flatten({ background: "#ffffff" }).png().toBuffer();
}
