/**
 * Dataset → the payload's attributes (`schemas/payload.ts`): what can be understood, nothing that names a patient,
 * no free text but the scanner's maker, model and kernel. A value of the wrong form is left out, since whatever it
 * holds instead may be personal.
 */
import type { InstanceAttributes } from "../../schemas/index.js";
import type { Dataset } from "./dataset.js";
import { patientKeyOf } from "./deidentify/pseudonyms.js";
import type { Keyword } from "./dictionary.js";
import { frameNumbers, frameString } from "./functional-groups.js";
import type { ImageDescription } from "./image-description.js";
import { readPixelSpacing } from "./pixel-spacing.js";
import { readPlane } from "./plane.js";
import { modalityOf } from "./sop-classes.js";
import { parseAge, parseCode, parseDay, parseUid } from "./values.js";

/** HIPAA's safe harbour, 45 CFR 164.514(b)(2)(i)(C): ages of 90 and over are one category. */
const OLDEST_AGE_YEARS = 90;
const MAX_TEXT_LENGTH = 64;

/** Of the instance; what differs from frame to frame is the first frame's. */
export function readAttributes(
  dataset: Dataset,
  image: ImageDescription,
  units: string,
  pseudonymKey: Uint8Array | undefined,
): InstanceAttributes {
  const characterSets = dataset.strings("SpecificCharacterSet").join("\\");
  const uid = (keyword: Keyword): string | undefined => parseUid(stringOf(dataset, keyword));
  const code = (keyword: Keyword): string | undefined => parseCode(stringOf(dataset, keyword));
  const text = (keyword: Keyword): string | undefined =>
    dataset.isAsItShould(keyword) ? cleanText(dataset.text(keyword, characterSets)) : undefined;
  const sopClassUid = uid("SOPClassUID");
  const imageType = (dataset.isAsItShould("ImageType") ? dataset.strings("ImageType") : []).map(parseCode);
  const kernels = frameStrings(dataset, "CTReconstructionSequence", "ConvolutionKernel");
  const spacing = readPixelSpacing(dataset, 0);
  return withoutAbsent({
    modality: code("Modality") ?? modalityOf(sopClassUid),
    bodyPartExamined: code("BodyPartExamined"),
    laterality: oneOf(code("ImageLaterality") ?? code("Laterality"), ["L", "R"]),
    sopClassUid,
    sopInstanceUid: uid("SOPInstanceUID"),
    seriesInstanceUid: uid("SeriesInstanceUID"),
    studyInstanceUid: uid("StudyInstanceUID"),
    frameOfReferenceUid: uid("FrameOfReferenceUID"),
    patientKey: pseudonymKey && patientKey(dataset, characterSets, pseudonymKey),
    studyDate: rfc3339Day(parseDay(stringOf(dataset, "StudyDate"))),
    instanceNumber: wholeNumber(dataset.number("InstanceNumber")),
    concatenationUid: uid("ConcatenationUID"),
    concatenationFrameOffset: wholeNumber(dataset.number("ConcatenationFrameOffsetNumber")),
    frames: image.frames,
    rows: image.rows,
    columns: image.columns,
    pixelSpacingMm: spacing && [...spacing.mm],
    sliceThickness: positive(frameNumbers(dataset, 0, "PixelMeasuresSequence", "SliceThickness")[0]),
    spacingBetweenSlicesMm: positive(frameNumbers(dataset, 0, "PixelMeasuresSequence", "SpacingBetweenSlices")[0]),
    slicePositionMm: readPlane(dataset, 0)?.positionMm,
    imageType: imageType.every((value) => value !== undefined) && imageType.length > 0 ? imageType : undefined,
    manufacturer: text("Manufacturer"),
    manufacturerModelName: text("ManufacturerModelName"),
    magneticFieldStrength: positive(dataset.number("MagneticFieldStrength")),
    convolutionKernel: kernels.length > 0 ? kernels : undefined,
    kvp: positive(frameNumbers(dataset, 0, "CTXRayDetailsSequence", "KVP")[0]),
    patientSex: oneOf(code("PatientSex"), ["M", "F", "O"]),
    patientAgeYears: patientAge(dataset),
    units,
    synthetic: code("SyntheticData") === "YES" ? true : undefined,
  });
}

function patientKey(dataset: Dataset, characterSets: string, pseudonymKey: Uint8Array): string | undefined {
  const patientId = dataset.text("PatientID", characterSets);
  if (patientId === undefined) return undefined;
  return patientKeyOf({ patientId, issuer: dataset.text("IssuerOfPatientID", characterSets) ?? "" }, pseudonymKey);
}

function patientAge(dataset: Dataset): number | undefined {
  const stated = parseAge(stringOf(dataset, "PatientAge"));
  const born = parseDay(stringOf(dataset, "PatientBirthDate"));
  const studied = parseDay(stringOf(dataset, "StudyDate"));
  const derived = born !== undefined && studied !== undefined ? Math.floor((studied - born) / 365.25) : undefined;
  const years = stated ?? derived;
  return years === undefined || years < 0 ? undefined : Math.min(years, OLDEST_AGE_YEARS);
}

function stringOf(dataset: Dataset, keyword: Keyword): string | undefined {
  return dataset.isAsItShould(keyword) ? dataset.string(keyword) : undefined;
}

function frameStrings(dataset: Dataset, macro: Keyword, keyword: Keyword): string[] {
  const first = frameString(dataset, 0, macro, keyword);
  const all = dataset.isAsItShould(keyword) ? dataset.strings(keyword) : [];
  const values = all.length > 0 ? all : first === undefined ? [] : [first];
  return values.map(cleanText).filter((value) => value !== undefined);
}

/** Text that a page or a table may show as it is: no control characters, at most as long as LO may be. */
function cleanText(text: string | undefined): string | undefined {
  return text === undefined || text.length > MAX_TEXT_LENGTH || /[\p{Cc}<>]/u.test(text) ? undefined : text;
}

function rfc3339Day(day: number | undefined): string | undefined {
  return day === undefined ? undefined : new Date(day * 86_400_000).toISOString().replace(".000Z", "Z");
}

function oneOf(value: string | undefined, allowed: readonly string[]): string | undefined {
  return value !== undefined && allowed.includes(value) ? value : undefined;
}

function wholeNumber(value: number | undefined): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function withoutAbsent(attributes: InstanceAttributes): InstanceAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
