/** Plants a marker in every attribute that the profile's table lists, and in every corner that it does not. */
import { PROFILE_TABLE } from "../../../encoder/dicom/deidentify/profile-table.generated.js";
import { standardRepresentation } from "../../../encoder/dicom/deidentify/representations.js";
import { type Bytes, bytes, type MarkerScript, type Planted, sequence, text, uint16 } from "./planted-file.js";

export interface Plant {
  readonly where: string;
  readonly tag: number;
  readonly vr: string;
  /** Of a marker in a text. */
  readonly digits?: string;
  /** Of a value that is none: its bytes. */
  readonly literal?: string;
}

/** Hands out markers and remembers where each went. */
export class Planter {
  readonly plants: Plant[] = [];
  #next: number;

  /** @param first number, of nine digits */
  constructor(
    private readonly script: MarkerScript,
    first = 100_000_000,
  ) {
    this.#next = first;
  }

  /** An element of `tag` with a marker as its representation allows it. */
  element(where: string, tag: number, vr: string): Planted {
    const number = this.#next++;
    const digits = String(number);
    const add = (value: string): Planted => {
      this.plants.push({ where, tag, vr, literal: value });
      return text(tag, vr, value);
    };
    switch (vr) {
      case "DA":
        return add(`${2000 + (number % 90)}${two(1 + (number % 12))}${two(1 + (Math.floor(number / 12) % 28))}`);
      case "DT":
        return add(`${1950 + (number % 50)}${two(1 + (number % 12))}15010203.${digits.slice(-6)}`);
      case "TM":
        return add(`010203.${digits.slice(-6)}`);
      case "UI":
        return add(`1.2.826.${digits}`);
      case "DS":
      case "IS":
        return add(digits);
      case "AS":
        return add(`0${two(number % 90)}W`);
      case "AE":
      case "CS":
        this.plants.push({ where, tag, vr, digits });
        return text(tag, vr, `MK${digits}Q`);
      case "US":
      case "SS":
      case "FD":
        // Too short to be told from others by its bytes: that the element is gone is checked by its tag.
        this.plants.push({ where, tag, vr });
        return { tag, vr, value: new Uint8Array(vr === "FD" ? 8 : 2).fill(0xab) };
      default: {
        const value = vr.startsWith("O") || vr === "UN" ? bytes(`MK${digits}Q`) : this.script.encode(digits);
        this.plants.push({ where, tag, vr, digits });
        return { tag, vr, value };
      }
    }
  }

  /** Bytes with a marker, for places that are no elements. */
  raw(where: string, length?: number): Bytes {
    const digits = String(this.#next++);
    this.plants.push({ where, tag: 0, vr: "", digits });
    const value = bytes(`MK${digits}Q`);
    return length === undefined ? value : Buffer.concat([value, new Uint8Array(length - value.length)]);
  }
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Listed attributes that may stand in a dataset, but for those that the image itself is made of here. */
const LISTED = PROFILE_TABLE.filter(([tag]) => tag >= 0x00080000).map(([tag]) => ({
  tag,
  vr: standardRepresentation(tag) ?? "LO",
}));

/** Every listed attribute with a marker; a sequence with one in an item's text. */
function listedElements(planter: Planter, where: string, listed = LISTED): Planted[] {
  return listed.map(({ tag, vr }) => {
    if (vr !== "SQ") return planter.element(where, tag, vr);
    // Referenced and source images stay with new UIDs: what a reference holds is planted in `everywhere`.
    const isReference = tag === 0x00081140 || tag === 0x00082112;
    const item = isReference
      ? planter.element(`${where}, in a reference`, 0x00081155, "UI")
      : planter.element(`${where}, in ${tag.toString(16)}`, 0x00080104, "LO");
    return sequence(tag, [item]);
  });
}

const PIXELS: readonly Planted[] = [
  uint16(0x00280002, 1),
  text(0x00280004, "CS", "MONOCHROME2"),
  uint16(0x00280010, 2),
  uint16(0x00280011, 2),
  uint16(0x00280100, 16),
  uint16(0x00280101, 16),
  uint16(0x00280102, 15),
  uint16(0x00280103, 0),
  { tag: 0x7fe00010, vr: "OW", value: new Uint8Array(Uint16Array.from([1, 2, 3, 4]).buffer) },
];

/** An MR image without anything planted. */
export const IMAGE: readonly Planted[] = [text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.4"), ...PIXELS];

/** All that may stand at the top level of a hostile file. */
export function everywhere(planter: Planter, characterSet: string, explicitVr: boolean): Planted[] {
  const inItem = listedElements(planter, "in an item");
  const deeper = listedElements(planter, "in an item of undefined length, two levels down");
  const underUn = listedElements(
    planter,
    "in a sequence under UN",
    LISTED.filter(({ vr }) => vr !== "SQ"),
  );
  const privateBlock = (where: string): Planted[] => [
    planter.element(`${where}: creator`, 0x00090010, "LO"),
    planter.element(`${where}: text`, 0x00091001, "LO"),
    sequence(0x00091002, [planter.element(`${where}: sequence`, 0x00080104, "LO")]),
    text(0x70530010, "LO", "Philips PET Private Group"),
    planter.element(`${where}: text where a safe number belongs`, 0x70531000, "LO"),
    planter.element(`${where}: an unlisted element of a known creator`, 0x70531001, "LO"),
  ];
  return [
    ...IMAGE,
    text(0x00080005, "CS", characterSet),
    ...listedElements(planter, "at the top level"),
    // Radiopharmaceutical Information and Real World Value Mapping: not listed, so they are kept and gone through.
    sequence(0x00540016, [...inItem, ...privateBlock("private block of an item")]),
    {
      tag: 0x00409096,
      vr: "SQ",
      value: [[{ tag: 0x00540300, vr: "SQ", value: [deeper], undefinedLength: true }]],
      undefinedLength: true,
    },
    { tag: 0x00540304, vr: "UN", value: [underUn], undefinedLength: true },
    ...privateBlock("private block"),
    planter.element("a directory element in the dataset", 0x00041130, "CS"),
    planter.element("length to end as text", 0x00080001, "UL"),
    planter.element("a name that is not listed", 0x30060082, "PN"),
    planter.element("an unlisted name under another representation", 0x00741236, "UN"),
    planter.element("unlisted free text", 0x00620020, "UT"),
    planter.element("an unlisted date", 0x00180012, "UN"),
    planter.element("text where a number belongs", 0x00180050, "LO"),
    // Implicit VR does not say that it is bytes; then it is the scanner's model, which stays.
    ...(explicitVr ? [planter.element("bytes where text belongs", 0x00081090, "OB")] : []),
    planter.element("an attribute that no edition knows", 0x00180ff0, "LO"),
    planter.element("a curve", 0x50003000, "OW"),
    planter.element("a curve's label", 0x50002500, "LO"),
    planter.element("an overlay", 0x60003000, "OW"),
    planter.element("an overlay's label", 0x60001500, "LO"),
    planter.element("trailing padding", 0xfffcfffc, "OB"),
  ];
}

export function hostileMeta(planter: Planter): Planted[] {
  return [
    planter.element("file meta: instance", 0x00020003, "UI"),
    planter.element("file meta: implementation version", 0x00020013, "SH"),
    planter.element("file meta: source title", 0x00020016, "AE"),
    planter.element("file meta: sending title", 0x00020017, "AE"),
    planter.element("file meta: receiving title", 0x00020018, "AE"),
    planter.element("file meta: private creator", 0x00020100, "UI"),
    planter.element("file meta: private information", 0x00020102, "OB"),
  ];
}
