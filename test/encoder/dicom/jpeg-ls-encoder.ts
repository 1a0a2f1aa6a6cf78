/**
 * A JPEG-LS encoder (ISO 14495-1) for the tests, with the parameters that the encoders of packages do not let one set. It
 * is slow, and follows the standard's text step by step, so that it shares no trick and no mistake with the decoder.
 */

export interface Picture {
  readonly columns: number;
  readonly rows: number;
  readonly precision: number;
  /** Row by row. */
  readonly samples: readonly number[];
}

export interface Preset {
  readonly near?: number;
  readonly maxval?: number;
  readonly thresholds: readonly [number, number, number];
  readonly reset?: number;
}

const J = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** The codestream, its parameters in an LSE segment. */
export function encodeJpegLs(picture: Picture, preset: Preset): Uint8Array {
  const { columns, rows, precision } = picture;
  const { near = 0, maxval = 2 ** precision - 1, thresholds, reset = 64 } = preset;
  const segment = (marker: number, ...body: number[]): number[] => [0xff, marker, 0, body.length + 2, ...body];
  const word = (value: number): number[] => [value >> 8, value & 0xff];
  return Uint8Array.from([
    ...[0xff, 0xd8],
    ...segment(0xf7, precision, ...word(rows), ...word(columns), 1, 1, 0x11, 0),
    ...segment(0xf8, 1, ...[maxval, ...thresholds, reset].flatMap(word)),
    ...segment(0xda, 1, 1, 0, near, 0, 0),
    ...stuffed(new ScanEncoder(picture, near, maxval, thresholds, reset).bits()),
    ...[0xff, 0xd9],
  ]);
}

/** A zero bit after each byte FF, and zero bits to the end of the last. */
function stuffed(bits: readonly number[]): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < bits.length || bytes.at(-1) === 0xff; ) {
    const width = bytes.at(-1) === 0xff ? 7 : 8;
    let byte = 0;
    for (let bit = 0; bit < width; bit++) byte = byte * 2 + (bits[at++] ?? 0);
    bytes.push(byte);
  }
  return bytes;
}

interface Context {
  a: number;
  b: number;
  c: number;
  n: number;
  /** Of the run interruption contexts. */
  nn: number;
}

class ScanEncoder {
  readonly #bits: number[] = [];
  readonly #contexts = new Map<string, Context>();
  readonly #range: number;
  readonly #qbpp: number;
  readonly #limit: number;
  #runIndex = 0;

  constructor(
    private readonly picture: Picture,
    private readonly near: number,
    private readonly maxval: number,
    private readonly thresholds: readonly [number, number, number],
    private readonly reset: number,
  ) {
    this.#range = Math.floor((maxval + 2 * near) / (2 * near + 1)) + 1;
    this.#qbpp = Math.ceil(Math.log2(this.#range));
    const bpp = Math.max(2, Math.ceil(Math.log2(maxval + 1)));
    this.#limit = 2 * (bpp + Math.max(8, bpp));
  }

  bits(): number[] {
    const { columns, rows, samples } = this.picture;
    // As a decoder has them, with the sample before the first and the one after the last.
    let above: number[] = Array(columns + 2).fill(0);
    for (let row = 0; row < rows; row++) {
      const line = [above[1] ?? 0];
      const wanted = samples.slice(row * columns, (row + 1) * columns);
      while (line.length <= columns) this.#next(line, above, wanted);
      above = [...line, line[columns] ?? 0];
    }
    return this.#bits;
  }

  #next(line: number[], above: readonly number[], wanted: readonly number[]): void {
    const x = line.length;
    const [ra = 0, rb = 0, rc = 0, rd = 0] = [line[x - 1], above[x], above[x - 1], above[x + 1]];
    const gradients = [rd - rb, rb - rc, rc - ra];
    if (gradients.every((gradient) => Math.abs(gradient) <= this.near)) {
      this.#run(line, above, wanted, ra);
      return;
    }
    let q = gradients.map((gradient) => this.#quantised(gradient));
    const sign = (q.find((each) => each !== 0) ?? 0) < 0 ? -1 : 1;
    q = q.map((each) => each * sign);
    const context = this.#context(q.join());
    const predicted =
      rc >= Math.max(ra, rb) ? Math.min(ra, rb) : rc <= Math.min(ra, rb) ? Math.max(ra, rb) : ra + rb - rc;
    const px = Math.min(this.maxval, Math.max(0, predicted + sign * context.c));
    const error = this.#error(sign * ((wanted[x - 1] ?? 0) - px), sign, px, line);
    const k = golombParameter(context.n, context.a);
    const isInverse = this.near === 0 && k === 0 && 2 * context.b <= -context.n;
    const mapped = isInverse
      ? error >= 0
        ? 2 * error + 1
        : -2 * (error + 1)
      : error >= 0
        ? 2 * error
        : -2 * error - 1;
    this.#golomb(mapped, k, this.#limit);
    context.b += error * (2 * this.near + 1);
    context.a += Math.abs(error);
    this.#age(context);
    if (context.b <= -context.n) {
      context.b += context.n;
      context.c = Math.max(-128, context.c - 1);
      if (context.b <= -context.n) context.b = -context.n + 1;
    } else if (context.b > 0) {
      context.b -= context.n;
      context.c = Math.min(127, context.c + 1);
      if (context.b > 0) context.b = 0;
    }
  }

  #run(line: number[], above: readonly number[], wanted: readonly number[], ra: number): void {
    const { columns } = this.picture;
    let length = 0;
    while (line.length <= columns && Math.abs((wanted[line.length - 1] ?? 0) - ra) <= this.near) {
      line.push(ra);
      length++;
    }
    const order = (): number => J[this.#runIndex] ?? 0;
    for (; length >= 2 ** order(); this.#runIndex = Math.min(31, this.#runIndex + 1)) {
      this.#bits.push(1);
      length -= 2 ** order();
    }
    if (line.length > columns) {
      if (length > 0) this.#bits.push(1);
      return;
    }
    this.#write(length, order() + 1);
    const x = line.length;
    const rb = above[x] ?? 0;
    const type = Math.abs(ra - rb) <= this.near ? 1 : 0;
    const px = type === 1 ? ra : rb;
    const sign = type === 0 && ra > rb ? -1 : 1;
    const error = this.#error(sign * ((wanted[x - 1] ?? 0) - px), sign, px, line);
    const context = this.#context(`run ${type}`);
    const k = golombParameter(context.n, context.a + (type === 1 ? context.n >> 1 : 0));
    const isOften = 2 * context.nn >= context.n;
    const map = (k === 0 && error > 0 && !isOften) || (error < 0 && (isOften || k !== 0)) ? 1 : 0;
    const mapped = 2 * Math.abs(error) - type - map;
    this.#golomb(mapped, k, this.#limit - order() - 1);
    if (error < 0) context.nn++;
    context.a += (mapped + 1 - type) >> 1;
    this.#age(context);
    this.#runIndex = Math.max(0, this.#runIndex - 1);
  }

  /** In steps and modulo RANGE; puts what a decoder makes of it into the line. */
  #error(difference: number, sign: number, px: number, line: number[]): number {
    const step = 2 * this.near + 1;
    let error =
      difference > 0 ? Math.floor((difference + this.near) / step) : -Math.floor((this.near - difference) / step);
    line.push(Math.min(this.maxval, Math.max(0, px + sign * error * step)));
    if (error < 0) error += this.#range;
    return error >= Math.floor((this.#range + 1) / 2) ? error - this.#range : error;
  }

  #quantised(gradient: number): number {
    const size = Math.abs(gradient);
    const q = size <= this.near ? 0 : 1 + this.thresholds.filter((threshold) => size >= threshold).length;
    return gradient < 0 ? -q : q;
  }

  #context(name: string): Context {
    const known = this.#contexts.get(name);
    if (known !== undefined) return known;
    const fresh = { a: Math.max(2, Math.floor((this.#range + 32) / 64)), b: 0, c: 0, n: 1, nn: 0 };
    this.#contexts.set(name, fresh);
    return fresh;
  }

  #age(context: Context): void {
    if (context.n === this.reset) {
      context.a >>= 1;
      context.b >>= 1;
      context.n >>= 1;
      context.nn >>= 1;
    }
    context.n++;
  }

  #golomb(mapped: number, k: number, limit: number): void {
    const zeros = mapped >> k;
    const longest = limit - this.#qbpp - 1;
    for (let zero = Math.min(zeros, longest); zero > 0; zero--) this.#bits.push(0);
    this.#bits.push(1);
    if (zeros < longest) this.#write(mapped, k);
    else this.#write(mapped - 1, this.#qbpp);
  }

  /** The lowest bits of a number. */
  #write(value: number, width: number): void {
    for (let bit = width - 1; bit >= 0; bit--) this.#bits.push((value >> bit) & 1);
  }
}

function golombParameter(n: number, a: number): number {
  let k = 0;
  while (n * 2 ** k < a) k++;
  return k;
}
