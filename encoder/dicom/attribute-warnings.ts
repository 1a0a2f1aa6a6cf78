/**
 * Says which attributes that the payload is read from could not be understood, or hold more than is taken. It names
 * the attribute and never its value, which may be personal.
 */
import type { Dataset } from "./dataset.js";
import { DICTIONARY, type Keyword, nameOf } from "./dictionary.js";
import { parseAge, parseCode, parseDay, parseUid } from "./values.js";

/** How many values each may have; what stands in functional groups is read where it stands. */
const READ: Readonly<Partial<Record<Keyword, number>>> = {
  ImageType: Number.POSITIVE_INFINITY,
  SOPClassUID: 1,
  SOPInstanceUID: 1,
  StudyDate: 1,
  Modality: 1,
  Manufacturer: 1,
  ManufacturerModelName: 1,
  PatientBirthDate: 1,
  PatientSex: 1,
  PatientAge: 1,
  PatientWeight: 1,
  BodyPartExamined: 1,
  SliceThickness: 1,
  KVP: 1,
  MagneticFieldStrength: 1,
  SpacingBetweenSlices: 1,
  ConvolutionKernel: Number.POSITIVE_INFINITY,
  StudyInstanceUID: 1,
  SeriesInstanceUID: 1,
  InstanceNumber: 1,
  PatientOrientation: 2,
  ImagePositionPatient: 3,
  ImageOrientationPatient: 6,
  FrameOfReferenceUID: 1,
  ConcatenationUID: 1,
  Laterality: 1,
  ImageLaterality: 1,
  PixelSpacing: 2,
  ImagerPixelSpacing: 2,
  NominalScannedPixelSpacing: 2,
  RescaleIntercept: 1,
  RescaleSlope: 1,
  Units: 1,
};

/** Each with whether its value is of its form; numbers are counted instead. */
const FORMS: Readonly<Record<string, (value: string) => boolean>> = {
  UI: (value) => parseUid(value) !== undefined,
  CS: (value) => parseCode(value) !== undefined,
  DA: (value) => parseDay(value) !== undefined,
  AS: (value) => parseAge(value) !== undefined,
};

export function attributeWarnings(dataset: Dataset): string[] {
  return Object.entries(READ).flatMap(([keyword, most]) => {
    const what = warningOf(dataset, keyword as Keyword, most);
    return what === undefined ? [] : [`${nameOf(keyword as Keyword)} ${what}`];
  });
}

function warningOf(dataset: Dataset, keyword: Keyword, most: number): string | undefined {
  if (!dataset.has(keyword)) return undefined;
  const { vr } = DICTIONARY[keyword];
  if (vr === "DS" || vr === "IS" || vr === "UL") return warningOfNumbers(dataset, keyword, most);
  if (!dataset.isAsItShould(keyword)) {
    return `is written as ${dataset.element(keyword)?.vr}, not as ${vr}, and is left out`;
  }
  const values = dataset.strings(keyword);
  const isOfItsForm = FORMS[vr] ?? (() => true);
  if (values.some((value) => value !== "" && !isOfItsForm(value))) return `is not of the form of ${vr} and is left out`;
  return tooMany(values.length, most);
}

function warningOfNumbers(dataset: Dataset, keyword: Keyword, most: number): string | undefined {
  const numbers = dataset.numbers(keyword).length;
  const isText = ["DS", "IS", "", "UN"].includes(dataset.element(keyword)?.vr ?? "");
  const values = isText ? dataset.strings(keyword) : [];
  const stated = isText ? values.filter((value) => value !== "").length : numbers;
  if (numbers < stated || (numbers === 0 && !isText)) return "is not a number and is left out";
  if (most > 1 && numbers > 0 && numbers < most) return `has ${numbers} of ${most} values and is left out`;
  return tooMany(numbers, most);
}

function tooMany(count: number, most: number): string | undefined {
  if (count <= most) return undefined;
  return most === 1 ? `has ${count} values; the first is taken` : `has ${count} values instead of ${most}`;
}
