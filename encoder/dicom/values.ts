/**
 * Single values of DICOM's text representations (PS3.5 6.2) → numbers, dates, ages and identifiers. Each function
 * gives undefined for what it cannot understand, and never guesses.
 */

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** DS or IS, with padding, and with the decimal comma that some writers use. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.replace(/^[ \0]+|[ \0]+$/g, "").replace(",", ".");
  if (!DECIMAL.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : undefined;
}

/** DA, "YYYYMMDD" or the old "YYYY.MM.DD" → days since 1970-01-01. */
export function parseDay(text: string | undefined): number | undefined {
  const match = /^(\d{4})(\.?)(\d{2})\2(\d{2})$/.exec(text ?? "");
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[3]), Number(match[4])];
  const time = Date.UTC(year, month - 1, day);
  const date = new Date(time);
  // Date.UTC would turn the 31st of April into the 1st of May, and the year 20 into 1920.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return time / 86_400_000;
}

/** TM, "HHMMSS.FFFFFF" cut anywhere after HH, or the old "HH:MM:SS" → seconds since midnight. */
export function parseTime(text: string | undefined): number | undefined {
  const match = /^(\d{2})(?:(:?)(\d{2})(?:\2(\d{2}(?:\.\d{1,6})?))?)?$/.exec(text ?? "");
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[3] ?? 0), Number(match[4] ?? 0)];
  return hours < 24 && minutes < 60 && seconds < 61 ? hours * 3600 + minutes * 60 + seconds : undefined;
}

/**
 * DT, "YYYYMMDDHHMMSS.FFFFFF&ZZXX" → seconds since 1970-01-01 on the clock of `zone` (`parseZone`). Where the value or
 * the file does not tell its zone they are taken to be of one clock.
 */
export function parseDateTime(text: string | undefined, zone?: number): number | undefined {
  const match = /^(\d{8})(\d{2,6}(?:\.\d{1,6})?)([+-]\d{4})?$/.exec(text ?? "");
  if (match === null) return undefined;
  const day = parseDay(match[1]);
  const time = parseTime(match[2]);
  if (day === undefined || time === undefined) return undefined;
  const own = parseZone(match[3]);
  if (own === undefined && match[3] !== undefined) return undefined;
  const shift = own === undefined || zone === undefined ? 0 : zone - own;
  return day * 86_400 + time + shift;
}

/** The suffix of DT, and Timezone Offset From UTC: "+0530" → seconds ahead of UTC, which is at most 14 hours. */
export function parseZone(text: string | undefined): number | undefined {
  const match = /^([+-])(0\d|1[0-4])([0-5]\d)$/.exec(text ?? "");
  if (match === null) return undefined;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60;
  return match[1] === "-" ? -seconds : seconds;
}

/** AS, "063Y", "018M", "003W" or "010D" → years. */
export function parseAge(text: string | undefined): number | undefined {
  const match = /^(\d{1,3})([DWMY])$/.exec(text ?? "");
  if (match === null) return undefined;
  const perYear = { D: 365.25, W: 365.25 / 7, M: 12, Y: 1 }[match[2] as "D" | "W" | "M" | "Y"];
  return Math.round((Number(match[1]) / perYear) * 100) / 100;
}

/**
 * UI: digits and dots, 64 at most. Leading zeros of a component break the standard but are common and harmless.
 * Anything else may hold what is not an identifier, and is not passed on.
 */
export function parseUid(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= 64 && /^\d+(\.\d+)+$/.test(text) ? text : undefined;
}

/** CS: at most 16 of A–Z, 0–9, space and underscore; lower case is brought up. Free text does not pass. */
export function parseCode(text: string | undefined): string | undefined {
  const upper = text?.toUpperCase();
  return upper !== undefined && /^[A-Z0-9 _]{1,16}$/.test(upper) ? upper : undefined;
}
