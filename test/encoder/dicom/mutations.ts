/**
 * Seeded damage for DICOM files: the same seed gives the same bytes, so a failure can be repeated from the number
 * that it names.
 */

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const REPRESENTATIONS = ["SQ", "OB", "OW", "UN", "US", "UL", "LO", "DS", "IS", "UI", "FD", "OV", "ZZ"];
const NASTY_BYTES = [0x00, 0xff, 0x7f, 0x80, 0xfe, 0xe0];

/** One to four kinds of damage; the header is hit more often than the pixels, where little can go wrong. */
export function mutate(original: Uint8Array, donor: Uint8Array, seed: number): Uint8Array {
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  let bytes: Uint8Array = Uint8Array.from(original);
  const place = (): number => (random() < 0.7 ? below(Math.min(bytes.length, 4096)) : below(bytes.length));
  for (let round = 1 + below(4); round > 0; round--) {
    switch (below(8)) {
      case 0: // bits
        for (let flips = 1 + below(8); flips > 0; flips--) bytes[place()] = below(256);
        break;
      case 1: // one nasty byte, repeated
        bytes.fill(NASTY_BYTES[below(NASTY_BYTES.length)] ?? 0, ...span(place(), 1 + below(16)));
        break;
      case 2: // a length
        writeLength(bytes, place(), [0, 1, 0xffff, 0xffffffff, 0x7fffffff, bytes.length][below(6)] ?? 0);
        break;
      case 3: // a value representation, wherever one stands
        writeRepresentation(bytes, place(), REPRESENTATIONS[below(REPRESENTATIONS.length)] ?? "UN");
        break;
      case 4: // cut off
        bytes = bytes.subarray(0, 1 + below(bytes.length));
        break;
      case 5: // a piece taken out
        bytes = joined(bytes.subarray(0, place()), bytes.subarray(place()));
        break;
      case 6: {
        // a piece of another file put in
        const at = place();
        const from = below(donor.length);
        bytes = joined(bytes.subarray(0, at), donor.subarray(from, from + below(2048)), bytes.subarray(at));
        break;
      }
      default: // a delimiter or item header
        bytes.set(
          [0xfe, 0xff, [0x00, 0x0d, 0xdd][below(3)] ?? 0, 0xe0].slice(0, Math.max(0, bytes.length - 4)),
          below(Math.max(1, bytes.length - 4)),
        );
    }
  }
  return bytes;
}

function span(start: number, length: number): [number, number] {
  return [start, start + length];
}

function writeLength(bytes: Uint8Array, offset: number, length: number): void {
  if (offset + 4 <= bytes.length) new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, length, true);
}

function writeRepresentation(bytes: Uint8Array, from: number, vr: string): void {
  for (let offset = from; offset + 1 < bytes.length; offset++) {
    const isCapital = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x41 && byte <= 0x5a;
    if (isCapital(bytes[offset]) && isCapital(bytes[offset + 1])) {
      bytes[offset] = vr.charCodeAt(0);
      bytes[offset + 1] = vr.charCodeAt(1);
      return;
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
