/**
 * Which objects can be searched by appearance: acquired images, by SOP Class (PS3.4 B.5). The network learned from
 * CT, MR and PET; other acquired images are taken too, and the modality filter keeps them apart.
 */
import { DafhError, type InstanceAttributes } from "../../schemas/index.js";
import { tagOf } from "./dictionary.js";

const STORAGE = "1.2.840.10008.5.1.4.1.1.";

/** SOP Classes below "1.2.840.10008.5.1.4.1.1." of acquired images, and the modality that each implies. */
const ACQUIRED: ReadonlyMap<string, string> = new Map([
  ["2", "CT"],
  ["2.1", "CT"],
  ["2.2", "CT"],
  ["4", "MR"],
  ["4.1", "MR"],
  ["4.3", "MR"],
  ["4.4", "MR"],
  ["128", "PT"],
  ["128.1", "PT"],
  ["130", "PT"],
  ["1", "CR"],
  ["1.1", "DX"],
  ["1.1.1", "DX"],
  ["1.2", "MG"],
  ["1.2.1", "MG"],
  ["1.3", "IO"],
  ["1.3.1", "IO"],
  ["3", "US"],
  ["3.1", "US"],
  ["6", "US"],
  ["6.1", "US"],
  ["6.2", "US"],
  ["5", "NM"],
  ["20", "NM"],
  ["12.1", "XA"],
  ["12.1.1", "XA"],
  ["12.2", "RF"],
  ["12.2.1", "RF"],
  ["13.1.1", "XA"],
  ["13.1.2", "DX"],
  ["13.1.3", "MG"],
]);

const SECONDARY_CAPTURE = "a secondary capture";

/** Values of Image Type: of Siemens, GE, and others. */
const DOSE_SHEET_TYPES = new Set(["CT_SOM5 PROT", "CT_SOM7 PROT", "DOSE_INFO", "DOSE", "DOSE REPORT"]);

/** What other objects are, by how their SOP Class begins; the longer beginning stands first. */
const OTHER_KINDS: readonly { readonly prefix: string; readonly kind: string; readonly hasPixels: boolean }[] = [
  { prefix: "88.59", kind: "a key object selection", hasPixels: false },
  { prefix: "88.", kind: "a structured report", hasPixels: false },
  { prefix: "11.", kind: "a presentation state", hasPixels: false },
  { prefix: "9.", kind: "a waveform", hasPixels: false },
  { prefix: "104.", kind: "an encapsulated document", hasPixels: false },
  { prefix: "66.4", kind: "a segmentation", hasPixels: true },
  { prefix: "66.7", kind: "a segmentation", hasPixels: true },
  { prefix: "66", kind: "raw data or a registration", hasPixels: false },
  { prefix: "67", kind: "a real world value mapping", hasPixels: false },
  { prefix: "481.1", kind: "a radiotherapy image", hasPixels: true },
  { prefix: "481.2", kind: "a radiotherapy dose", hasPixels: true },
  { prefix: "481.", kind: "a radiotherapy object", hasPixels: false },
  { prefix: "30", kind: "a parametric map", hasPixels: true },
  { prefix: "7", kind: SECONDARY_CAPTURE, hasPixels: true },
  { prefix: "77.", kind: "a visible light image", hasPixels: true },
];

/** The modality that a SOP Class implies, for objects that do not state theirs. */
export function modalityOf(sopClassUid: string | undefined): string | undefined {
  return sopClassUid?.startsWith(STORAGE) ? ACQUIRED.get(sopClassUid.slice(STORAGE.length)) : undefined;
}

/** What an object without pixel data is, where its SOP Class is one that never has any. */
export function pixelFreeKind(sopClassUid: string | undefined): string | undefined {
  const found = otherKind(sopClassUid);
  return found !== undefined && !found.hasPixels ? found.kind : undefined;
}

export interface RetrievalOptions {
  /** Takes secondary captures as well; dose sheets, which are written as such, stay out. */
  readonly secondaryCaptures?: boolean;
}

/** True for what ingestion takes; the reason otherwise comes from `requireRetrievable`. */
export function isRetrievable(attributes: InstanceAttributes, options: RetrievalOptions = {}): boolean {
  return reasonAgainst(attributes, options) === undefined;
}

/**
 * Left out: secondary captures (a screen's look, often with text burned in), localizers (an overview on which
 * slices are planned), segmentations, dose, parametric maps, visible light and whole slide tiles.
 * @throws DafhError UNSUPPORTED_SOP_CLASS with the reason
 */
export function requireRetrievable(attributes: InstanceAttributes, options: RetrievalOptions = {}): void {
  const reason = reasonAgainst(attributes, options);
  if (reason === undefined) return;
  throw new DafhError("UNSUPPORTED_SOP_CLASS", `${reason} is not searched by appearance`, {
    tag: tagOf("SOPClassUID"),
  });
}

function reasonAgainst(
  { sopClassUid, modality, imageType }: InstanceAttributes,
  { secondaryCaptures = false }: RetrievalOptions,
): string | undefined {
  if (isDoseSheet(imageType)) return "a dose sheet";
  if (imageType?.[2] === "LOCALIZER") return "a localizer";
  if (modalityOf(sopClassUid) !== undefined) return undefined;
  const kind = otherKind(sopClassUid)?.kind;
  if (kind === SECONDARY_CAPTURE && secondaryCaptures) return undefined;
  if (kind !== undefined) return kind;
  // Objects older than SOP Classes, and private ones, go by their modality.
  const isStandard = sopClassUid?.startsWith(STORAGE) ?? false;
  if (!isStandard && [...ACQUIRED.values()].some((known) => known === modality)) return undefined;
  return sopClassUid === undefined
    ? "an object without SOP Class and known modality"
    : `an object of SOP Class ${sopClassUid}`;
}

/** Scanners write the dose of an examination as a picture of a table; Image Type says so, in one of its values. */
function isDoseSheet(imageType: readonly string[] | undefined): boolean {
  return imageType?.some((value) => DOSE_SHEET_TYPES.has(value)) ?? false;
}

function otherKind(sopClassUid: string | undefined): (typeof OTHER_KINDS)[number] | undefined {
  if (sopClassUid === undefined || !sopClassUid.startsWith(STORAGE)) return undefined;
  const rest = sopClassUid.slice(STORAGE.length);
  return OTHER_KINDS.find(
    ({ prefix }) => rest === prefix || rest.startsWith(prefix.endsWith(".") ? prefix : `${prefix}.`),
  );
}
