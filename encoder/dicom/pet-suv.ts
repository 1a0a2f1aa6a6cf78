/**
 * PET values → body-weight SUV (g/ml): the factor for one dataset, or why there is none. The decay rules are those
 * that the makers follow (QIBA FDG-PET/CT profile, annex on SUV); the attributes are PS3.3 C.8.9.1 and C.8.9.2.
 */
import type { Dataset } from "./dataset.js";
import { parseDateTime, parseDay, parseTime, parseZone } from "./values.js";

export type SuvFactor = { readonly factor: number } | { readonly reason: string };

const SECONDS_PER_DAY = 86_400;
const PHILIPS_CREATOR = "Philips PET Private Group";
const GE_CREATOR = "GEMS_PETD_01";

/** What a value in `units` (after rescaling) is multiplied with to be SUVbw. */
export function suvFactor(dataset: Dataset, units: string | undefined): SuvFactor {
  switch (units) {
    case "GML": {
      const type = dataset.string("SUVType") ?? "BW";
      return type === "BW" ? { factor: 1 } : { reason: `SUV Type is ${safeTerm(type)}, not body weight` };
    }
    case "BQML":
      return fromActivity(dataset, 1);
    case "CNTS": {
      // Philips PET stores counts; its private scale factors turn them into SUV (7053,xx00) or into Bq/ml (7053,xx09).
      const toSuv = dataset.privateNumber(0x7053, PHILIPS_CREATOR, 0x00);
      if (toSuv !== undefined && toSuv > 0) return { factor: toSuv };
      const toActivity = dataset.privateNumber(0x7053, PHILIPS_CREATOR, 0x09);
      if (toActivity !== undefined && toActivity > 0) return fromActivity(dataset, toActivity);
      return { reason: "Units are counts and the maker's scale factor is missing" };
    }
    case undefined:
      return { reason: "Units are missing" };
    default:
      return { reason: `Units are ${safeTerm(units)}` };
  }
}

/** Bq/ml × `scale` → SUV: body weight over the activity that was left when the image's decay correction counts from. */
function fromActivity(dataset: Dataset, scale: number): SuvFactor {
  const weightKg = dataset.number("PatientWeight");
  if (weightKg === undefined || weightKg <= 0) return { reason: "Patient's Weight is missing" };
  const drug = dataset.items("RadiopharmaceuticalInformationSequence")[0];
  const dose = drug?.number("RadionuclideTotalDose");
  if (drug === undefined || dose === undefined || dose <= 0) return { reason: "Radionuclide Total Dose is missing" };
  const correction = dataset.string("DecayCorrection");
  switch (correction) {
    case "ADMIN":
      return { factor: (scale * weightKg * 1000) / dose };
    case "START": {
      const halfLife = drug.number("RadionuclideHalfLife");
      if (halfLife === undefined || halfLife <= 0) return { reason: "Radionuclide Half Life is missing" };
      const scan = scanStart(dataset, halfLife);
      if (scan === undefined) return { reason: "the scan's start time is missing" };
      const injected = injectionTime(drug, scan, zoneOf(dataset));
      if (injected === undefined) return { reason: "Radiopharmaceutical Start Time is missing" };
      const elapsed = scan - injected;
      if (elapsed < 0) return { reason: "the injection is later than the scan" };
      return { factor: (scale * weightKg * 1000) / (dose * 2 ** (-elapsed / halfLife)) };
    }
    case undefined:
      return { reason: "Decay Correction is missing" };
    default:
      return { reason: `Decay Correction is ${safeTerm(correction)}` };
  }
}

/**
 * What START counts from, in seconds since 1970. Usually the series' time; but where a workstation wrote the series
 * anew its time is later than the acquisition's, and then GE's private scan time, or else the frame's reference time
 * back from its acquisition, tells.
 */
function scanStart(dataset: Dataset, halfLife: number): number | undefined {
  const series = at(dataset.string("SeriesDate") ?? dataset.string("StudyDate"), dataset.string("SeriesTime"));
  const acquisition =
    at(dataset.string("AcquisitionDate") ?? dataset.string("SeriesDate"), dataset.string("AcquisitionTime")) ??
    parseDateTime(dataset.string("AcquisitionDateTime"), zoneOf(dataset));
  if (series !== undefined && (acquisition === undefined || series <= acquisition)) return series;
  const ge = parseDateTime(dataset.privateText(0x0009, GE_CREATOR, 0x0d), zoneOf(dataset));
  if (ge !== undefined) return ge;
  if (acquisition === undefined) return undefined;
  const referenceMs = dataset.number("FrameReferenceTime");
  const durationMs = dataset.number("ActualFrameDuration");
  if (referenceMs === undefined || durationMs === undefined || referenceMs <= 0 || durationMs <= 0) return acquisition;
  // When during the frame the count rate is at its average: the reference time is counted to that moment.
  const decay = Math.LN2 / halfLife;
  const duringFrame = (decay * durationMs) / 1000;
  const averageAt = Math.log(duringFrame / (1 - Math.exp(-duringFrame))) / decay;
  return acquisition - referenceMs / 1000 + averageAt;
}

/** In seconds since 1970. The date and time is preferred; a time alone is of the scan's day, or of the one before. */
function injectionTime(drug: Dataset, scan: number, zone: number | undefined): number | undefined {
  const full = parseDateTime(drug.string("RadiopharmaceuticalStartDateTime"), zone);
  if (full !== undefined) return full;
  const time = parseTime(drug.string("RadiopharmaceuticalStartTime"));
  if (time === undefined) return undefined;
  const sameDay = Math.floor(scan / SECONDS_PER_DAY) * SECONDS_PER_DAY + time;
  return sameDay <= scan ? sameDay : sameDay - SECONDS_PER_DAY;
}

/** Of the file's dates and times that state none (PS3.3 C.12.1.1.8); a date and time may state another. */
function zoneOf(dataset: Dataset): number | undefined {
  return parseZone(dataset.string("TimezoneOffsetFromUTC"));
}

function at(date: string | undefined, time: string | undefined): number | undefined {
  const day = parseDay(date);
  const seconds = parseTime(time);
  return day === undefined || seconds === undefined ? undefined : day * SECONDS_PER_DAY + seconds;
}

/** A defined term as it may stand in a message; anything else is not repeated. */
function safeTerm(term: string): string {
  return /^[A-Z0-9]{1,16}$/.test(term) ? term : "not a defined term";
}
