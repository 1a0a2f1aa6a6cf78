/**
 * The payload's fields: one table that ingestion fills, the collection indexes, filters are checked against and
 * `docs/payload.md` prints. No direct identifier of a patient is a field, and none may become one.
 */

export type PayloadFieldKind = "keyword" | "integer" | "float" | "datetime" | "bool";

export interface PayloadField<Kind extends PayloadFieldKind = PayloadFieldKind, Many extends boolean = boolean> {
  readonly kind: Kind;
  readonly indexed: boolean;
  /** DICOM keyword it comes from, or null where the product makes it. */
  readonly source: string | null;
  readonly meaning: string;
  /** May hold several values. */
  readonly many: Many;
}

const one = <const Kind extends PayloadFieldKind>(
  kind: Kind,
  indexed: boolean,
  source: string | null,
  meaning: string,
): PayloadField<Kind, false> => ({ kind, indexed, source, meaning, many: false });

const several = <const Kind extends PayloadFieldKind>(
  kind: Kind,
  indexed: boolean,
  source: string | null,
  meaning: string,
): PayloadField<Kind, true> => ({ kind, indexed, source, meaning, many: true });

export const PAYLOAD_FIELDS = {
  modality: one("keyword", true, "Modality", "CT, MR or PT (other modalities keep their DICOM term)"),
  bodyPartExamined: one("keyword", true, "BodyPartExamined", "Body part, upper case"),
  laterality: one("keyword", false, "Laterality", "L or R"),
  sopClassUid: one("keyword", false, "SOPClassUID", "Kind of object"),
  sopInstanceUid: one("keyword", true, "SOPInstanceUID", "The instance"),
  seriesInstanceUid: one("keyword", true, "SeriesInstanceUID", "The series"),
  studyInstanceUid: one("keyword", true, "StudyInstanceUID", "The study"),
  frameOfReferenceUid: one("keyword", false, "FrameOfReferenceUID", "The spatial frame"),
  patientKey: one(
    "keyword",
    true,
    null,
    "Keyed pseudonym of the patient; cannot be turned back without the site's key",
  ),
  studyDate: one("datetime", true, "StudyDate", "Day of the study, RFC 3339"),
  instanceNumber: one("integer", false, "InstanceNumber", "Number of the instance in its series"),
  frame: one("integer", true, null, "Frame of the instance, from 1"),
  concatenationUid: one("keyword", false, "ConcatenationUID", "The whole that the instance is a part of"),
  concatenationFrameOffset: one(
    "integer",
    false,
    "ConcatenationFrameOffsetNumber",
    "Frames of the whole before this part's first: frame + this = the frame of the whole",
  ),
  frames: one("integer", false, "NumberOfFrames", "Frames of the instance"),
  rows: one("integer", false, "Rows", "Height in pixels"),
  columns: one("integer", false, "Columns", "Width in pixels"),
  pixelSpacingMm: several(
    "float",
    false,
    "PixelSpacing",
    "Row and column spacing, mm; of a projection without it, ImagerPixelSpacing or NominalScannedPixelSpacing",
  ),
  sliceThickness: one("float", true, "SliceThickness", "mm"),
  spacingBetweenSlicesMm: one(
    "float",
    false,
    "SpacingBetweenSlices",
    "From the middle of a slice to that of the next, mm",
  ),
  slicePositionMm: one("float", false, "ImagePositionPatient", "Position along the slice normal, mm"),
  imageType: several("keyword", false, "ImageType", "Values of Image Type"),
  manufacturer: one("keyword", true, "Manufacturer", "Maker of the scanner"),
  manufacturerModelName: one("keyword", true, "ManufacturerModelName", "Model of the scanner"),
  magneticFieldStrength: one("float", true, "MagneticFieldStrength", "Tesla"),
  convolutionKernel: several("keyword", false, "ConvolutionKernel", "Reconstruction kernel"),
  kvp: one("float", false, "KVP", "Tube voltage, kV"),
  patientSex: one("keyword", true, "PatientSex", "M, F or O"),
  patientAgeYears: one("float", true, "PatientAge", "Years; 90 and older are kept as 90"),
  units: one("keyword", false, null, "What the pixel values are after rescaling: HU, SUV, normalised …"),
  notQuantitative: one("keyword", false, null, "Why a CT or PET image has no physical scale"),
  label: one("keyword", true, null, "Label given at ingestion by --labels"),
  code: one("keyword", true, null, "The binary code, hex, most significant bit first"),
  pixelDigest: one(
    "keyword",
    true,
    null,
    "SHA-256 of the frame's stored values (first 128 bits, hex): equal for exact duplicates",
  ),
  contentDigest: one(
    "keyword",
    false,
    null,
    "Keyed digest of the file that the instance came from: equal when nothing changed",
  ),
  modelDigest: one("keyword", true, null, "Digest of the network that made the code"),
  profile: one(
    "keyword",
    true,
    null,
    "What was let through at ingestion: the de-identification profile and its options",
  ),
  synthetic: one("bool", true, "SyntheticData", "True where the image was generated, not acquired"),
} as const satisfies Record<string, PayloadField>;

export type PayloadFieldName = keyof typeof PAYLOAD_FIELDS;

type ValueOf<Kind extends PayloadFieldKind> = Kind extends "keyword" | "datetime"
  ? string
  : Kind extends "bool"
    ? boolean
    : number;

type FieldValue<F> =
  F extends PayloadField<infer Kind, infer Many> ? (Many extends true ? ValueOf<Kind>[] : ValueOf<Kind>) : never;

/** What is stored beside the vectors of one frame. Absent means unknown. */
export type InstancePayload = {
  -readonly [Name in PayloadFieldName]?: FieldValue<(typeof PAYLOAD_FIELDS)[Name]> | undefined;
};

/** Attributes of an instance that do not depend on the frame: what the encoder reads from the dataset. */
export type InstanceAttributes = Omit<
  InstancePayload,
  "frame" | "code" | "pixelDigest" | "contentDigest" | "modelDigest" | "label" | "profile"
>;
