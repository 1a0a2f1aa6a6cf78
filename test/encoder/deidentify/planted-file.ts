/**
 * DICOM files with markers planted in them: written from PS3.5 alone, without the product's writer, so that the two
 * cannot be wrong together. A marker is a number that no other value has, in a character set of choice.
 */

export type Bytes = Uint8Array;

export interface Planted {
  readonly tag: number;
  readonly vr: string;
  readonly value: Bytes | readonly (readonly Planted[])[];
  /** Of a sequence and its items. */
  readonly undefinedLength?: boolean;
  /** The value brings its items and its delimiter along, as encapsulated pixel data does. */
  readonly openLength?: boolean;
}

export interface FileForm {
  readonly explicitVr?: boolean;
  readonly transferSyntaxUid?: string;
  readonly preamble?: Bytes;
  readonly meta?: readonly Planted[];
  /** Behind the dataset. */
  readonly trailer?: Bytes;
}

const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const OPEN = 0xffffffff;

export const bytes = (text: string): Bytes => Buffer.from(text, "latin1");
export const text = (tag: number, vr: string, value: string): Planted => ({ tag, vr, value: bytes(value) });
export const sequence = (tag: number, ...items: readonly (readonly Planted[])[]): Planted => ({
  tag,
  vr: "SQ",
  value: items,
});

export function uint16(tag: number, ...values: number[]): Planted {
  return { tag, vr: "US", value: new Uint8Array(Uint16Array.from(values).buffer) };
}

export function plantedFile(elements: readonly Planted[], form: FileForm = {}): Bytes {
  const { explicitVr = true, preamble = new Uint8Array(128), meta = [], trailer = new Uint8Array() } = form;
  const transferSyntaxUid = form.transferSyntaxUid ?? (explicitVr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2");
  const group = written([text(0x00020010, "UI", transferSyntaxUid), ...meta], true);
  return Buffer.concat([preamble, bytes("DICM"), group, written(elements, explicitVr), trailer]);
}

/** In the order of the tags; of two with one tag, the first stands first. */
function written(elements: readonly Planted[], explicitVr: boolean): Bytes {
  return Buffer.concat([...elements].sort((a, b) => a.tag - b.tag).map((element) => one(element, explicitVr)));
}

function one({ tag, vr, value, undefinedLength = false, openLength = false }: Planted, explicitVr: boolean): Bytes {
  const isSequence = !(value instanceof Uint8Array);
  // What stands under UN is implicit (PS3.5 6.2.2).
  const inside = explicitVr && vr !== "UN";
  const body = isSequence
    ? Buffer.concat([
        ...value.flatMap((item) => {
          const content = written(item, inside);
          return undefinedLength
            ? [mark(0xe000, OPEN), content, mark(0xe00d, 0)]
            : [mark(0xe000, content.length), content];
        }),
        ...(undefinedLength ? [mark(0xe0dd, 0)] : []),
      ])
    : even(value, vr);
  const header = Buffer.alloc(explicitVr && LONG.has(vr) ? 12 : 8);
  header.writeUInt16LE(tag >>> 16, 0);
  header.writeUInt16LE(tag & 0xffff, 2);
  const length = undefinedLength || openLength ? OPEN : body.length;
  if (!explicitVr) header.writeUInt32LE(length, 4);
  else {
    header.write(vr, 4, "latin1");
    if (LONG.has(vr)) header.writeUInt32LE(length, 8);
    else header.writeUInt16LE(length, 6);
  }
  return Buffer.concat([header, body]);
}

function mark(element: number, length: number): Bytes {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(0xfffe, 0);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(length, 4);
  return header;
}

function even(value: Bytes, vr: string): Bytes {
  return value.length % 2 === 0 ? value : Buffer.concat([value, bytes(vr === "UI" || vr.startsWith("O") ? "\0" : " ")]);
}

/** Full-width digits of a character set: two bytes each that no other text of these files has. */
export interface MarkerScript {
  readonly name: string;
  /** Specific Character Set. */
  readonly characterSet: string;
  encode(digits: string): Bytes;
}

const each = (digits: string, encode: (digit: number) => readonly number[]): Bytes =>
  Uint8Array.from([...digits].flatMap((digit) => encode(Number(digit))));

export const SCRIPTS: readonly MarkerScript[] = [
  { name: "ASCII", characterSet: "ISO_IR 100", encode: (digits) => bytes(`MK${digits}Q`) },
  { name: "UTF-8", characterSet: "ISO_IR 192", encode: (digits) => Buffer.from(fullWidth(digits), "utf8") },
  { name: "GB18030", characterSet: "GB18030", encode: (digits) => each(digits, (digit) => [0xa3, 0xb0 + digit]) },
  {
    name: "ISO 2022 Japanese",
    characterSet: "\\ISO 2022 IR 87",
    encode: (digits) =>
      Buffer.concat([bytes("\x1b$B"), each(digits, (digit) => [0x23, 0x30 + digit]), bytes("\x1b(B")]),
  },
  {
    name: "ISO 2022 Korean",
    characterSet: "\\ISO 2022 IR 149",
    encode: (digits) => Buffer.concat([bytes("\x1b$)C"), each(digits, (digit) => [0xa3, 0xb0 + digit])]),
  },
];

function fullWidth(digits: string): string {
  return [...digits].map((digit) => String.fromCharCode(0xff10 + Number(digit))).join("");
}

const MARKER_DIGITS = 9;
const times = `{${MARKER_DIGITS}}`;

/** Every form in which a marker could come through, and how its digits are read from it. Over bytes as Latin-1. */
const FORMS: readonly {
  readonly pattern: RegExp;
  readonly width: number;
  readonly at: number;
  readonly zero: number;
}[] = [
  // ASCII; UTF-16 of it, both ways round.
  { pattern: new RegExp(`(?<=MK)\\d${times}(?=Q)`, "g"), width: 1, at: 0, zero: 0x30 },
  { pattern: new RegExp(`(?<=M\\0K\\0)(?:\\d\\0)${times}(?=Q)`, "g"), width: 2, at: 0, zero: 0x30 },
  { pattern: new RegExp(`(?<=M\\0K)(?:\\0\\d)${times}(?=\\0Q)`, "g"), width: 2, at: 1, zero: 0x30 },
  // Full-width digits: UTF-8, GB 2312 and KS X 1001 (alike), JIS X 0208, UTF-16 both ways round.
  { pattern: new RegExp(`(?:\\xef\\xbc[\\x90-\\x99])${times}`, "g"), width: 3, at: 2, zero: 0x90 },
  { pattern: new RegExp(`(?:\\xa3[\\xb0-\\xb9])${times}`, "g"), width: 2, at: 1, zero: 0xb0 },
  { pattern: new RegExp(`(?:#\\d)${times}`, "g"), width: 2, at: 1, zero: 0x30 },
  { pattern: new RegExp(`(?:[\\x10-\\x19]\\xff)${times}`, "g"), width: 2, at: 0, zero: 0x10 },
  { pattern: new RegExp(`(?:\\xff[\\x10-\\x19])${times}`, "g"), width: 2, at: 1, zero: 0x10 },
];

/** The digits of all markers in there, whatever their form. */
export function markersIn(data: Bytes): Set<string> {
  const latin1 = Buffer.from(data).toString("latin1");
  const found = new Set<string>();
  for (const { pattern, width, at, zero } of FORMS) {
    for (const [match] of latin1.matchAll(pattern)) {
      const digits = Array.from({ length: MARKER_DIGITS }, (_, index) => match.charCodeAt(index * width + at) - zero);
      found.add(digits.join(""));
    }
  }
  return found;
}
