/**
 * The synthetic cohort as DICOM datasets (naturalised, as dcmjs takes them): patients, series and slices of the
 * phantoms, each marked as synthetic in every attribute that a reader might look at. Writing is `write-cohort.mjs`'s.
 */
import { createHash } from "node:crypto";
import { SERIES, valueAt } from "./phantoms.mjs";
import { fieldFrom, normalFrom, randomFrom } from "./random.mjs";

/** Changed whenever the files would come out otherwise: what was generated before is generated anew. */
export const COHORT_VERSION = "1";
export const COHORT_DEFAULTS = { patients: 4, slices: 6 };

const SOP_CLASSES = {
  CT: "1.2.840.10008.5.1.4.1.1.2",
  MR: "1.2.840.10008.5.1.4.1.1.4",
  PT: "1.2.840.10008.5.1.4.1.1.128",
};
const PIXELS = { CT: 192, MR: 192, PT: 128 };
const FIELD_OF_VIEW_MM = { HEAD: 260, BRAIN: 260, CHEST: 400, ABDOMEN: 400, KNEE: 180 };
/** Softness of the edges and strength of noise and texture, in the modality's own units. */
const LOOK = {
  CT: { edge: 0.015, noise: 12, texture: 10 },
  MR: { edge: 0.02, noise: 14, texture: 45 },
  PT: { edge: 0.09, noise: 0.06, texture: 0.25 },
};

/** @returns one `{ path, dataset }` a slice, in order; `path` is relative, with forward slashes */
export function* cohort({ patients, slices } = COHORT_DEFAULTS) {
  for (let patient = 1; patient <= patients; patient++) {
    for (const [index, series] of SERIES.entries()) {
      const seed = patient * 1000 + index;
      const random = randomFrom(seed);
      const person = { size: 0.9 + 0.18 * random(), random, lesion: (patient + index) % 2 === 0 };
      const phantom = series.build(person);
      const bend = { x: 0.05 * (random() - 0.5), y: 0.05 * (random() - 0.5), turn: 0.12 * (random() - 0.5) };
      for (let slice = 1; slice <= slices; slice++) {
        const z = slices === 1 ? 0 : -0.7 + (1.4 * (slice - 1)) / (slices - 1);
        const values = render(phantom, series.modality, z, { seed, bend });
        const name = `SYN-${two(patient)}/${series.modality} ${series.protocol}/${two(slice)}.dcm`.replaceAll(" ", "_");
        yield { path: name, dataset: datasetOf({ patient, series, slice, z, values }) };
      }
    }
  }
}

/** Row-major values of one slice, in HU, signal or SUV. */
function render(phantom, modality, z, { seed, bend }) {
  const size = PIXELS[modality];
  const { edge, noise, texture } = LOOK[modality];
  const normal = normalFrom(randomFrom(seed * 64 + Math.round((z + 1) * 30)));
  const field = fieldFrom(seed);
  const [cos, sin] = [Math.cos(bend.turn), Math.sin(bend.turn)];
  const values = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const u = ((column + 0.5) / size) * 2 - 1;
      const v = ((row + 0.5) / size) * 2 - 1;
      const x = (u - bend.x) * cos + (v - bend.y) * sin + 0.03 * field(u * 2.5, v * 2.5, z + 7);
      const y = (v - bend.y) * cos - (u - bend.x) * sin + 0.03 * field(u * 2.5 + 31, v * 2.5, z + 7);
      const value = valueAt(phantom, x, y, z, edge);
      // Air has no texture.
      const inside = Math.abs(value - phantom.background) > 1e-3 ? 1 : 0;
      values[row * size + column] = value + inside * texture * field(x * 9, y * 9, z * 3) + noise * normal();
    }
  }
  return values;
}

function datasetOf({ patient, series, slice, z, values }) {
  const { modality, bodyPart, protocol } = series;
  const size = PIXELS[modality];
  const spacing = FIELD_OF_VIEW_MM[bodyPart] / size;
  const study = uid("study", patient, modality);
  const identity = uid("image", patient, modality, protocol, slice);
  const stored = storedValues(modality, values, patient);
  return {
    _meta: {
      MediaStorageSOPClassUID: meta("UI", SOP_CLASSES[modality]),
      MediaStorageSOPInstanceUID: meta("UI", identity),
      TransferSyntaxUID: meta("UI", "1.2.840.10008.1.2.1"),
      ImplementationClassUID: meta("UI", uid("implementation")),
      FileMetaInformationVersion: meta("OB", new Uint8Array([0, 1]).buffer),
    },
    SyntheticData: "YES",
    ImageType: ["DERIVED", "SECONDARY", "AXIAL"],
    SOPClassUID: SOP_CLASSES[modality],
    SOPInstanceUID: identity,
    StudyDate: `202401${two(patient)}`,
    StudyTime: "090000",
    SeriesDate: `202401${two(patient)}`,
    SeriesTime: "100000",
    AcquisitionDate: `202401${two(patient)}`,
    AcquisitionTime: "100000",
    AccessionNumber: "",
    Modality: modality,
    Manufacturer: "SYNTHETIC",
    ManufacturerModelName: "qdrant-dafh phantom",
    ReferringPhysicianName: "",
    StudyDescription: "SYNTHETIC phantom study",
    SeriesDescription: `SYNTHETIC ${modality} ${protocol}`,
    ImageComments: "Generated, not acquired from any person",
    PatientName: `SYNTHETIC^${two(patient)}`,
    PatientID: `SYN-${two(patient)}`,
    PatientBirthDate: "",
    PatientSex: patient % 2 === 0 ? "F" : "M",
    PatientAge: `0${35 + patient * 7}Y`,
    PatientWeight: 60 + patient * 5,
    BodyPartExamined: bodyPart,
    SliceThickness: 5,
    StudyInstanceUID: study,
    SeriesInstanceUID: uid("series", patient, modality, protocol),
    FrameOfReferenceUID: uid("space", patient, modality),
    StudyID: "1",
    SeriesNumber: 1,
    InstanceNumber: slice,
    ImagePositionPatient: [-FIELD_OF_VIEW_MM[bodyPart] / 2, -FIELD_OF_VIEW_MM[bodyPart] / 2, Math.round(z * 1000) / 10],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    Rows: size,
    Columns: size,
    PixelSpacing: [round(spacing), round(spacing)],
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    ...stored,
    _vrMap: { PixelData: "OW" },
  };
}

/** Stored values, and what turns them back into HU, signal or activity. */
function storedValues(modality, values, patient) {
  switch (modality) {
    case "CT":
      return {
        KVP: 120,
        RescaleIntercept: -1024,
        RescaleSlope: 1,
        RescaleType: "HU",
        PixelRepresentation: 0,
        PixelData: words(values, (hu) => hu + 1024),
      };
    case "MR":
      return {
        ScanningSequence: "SE",
        MagneticFieldStrength: 1.5,
        PixelRepresentation: 0,
        PixelData: words(values, (signal) => signal),
      };
    case "PT": {
      // SUV = activity × weight / dose, the dose decayed to the series' time: PS3.3 C.8.9.1 and the FDG half-life.
      const halfLifeSeconds = 6586.2;
      const doseBq = 3.7e8;
      const decayed = doseBq * 2 ** (-3600 / halfLifeSeconds);
      const activityOfSuv1 = decayed / ((60 + patient * 5) * 1000);
      const slope = round((activityOfSuv1 * 25) / 65535);
      return {
        Units: "BQML",
        CorrectedImage: ["ATTN", "DECY"],
        DecayCorrection: "START",
        FrameReferenceTime: 0,
        RadiopharmaceuticalInformationSequence: [
          {
            Radiopharmaceutical: "FDG",
            RadiopharmaceuticalStartTime: "090000",
            RadionuclideTotalDose: doseBq,
            RadionuclideHalfLife: halfLifeSeconds,
          },
        ],
        RescaleIntercept: 0,
        RescaleSlope: slope,
        PixelRepresentation: 0,
        PixelData: words(values, (suv) => (suv * activityOfSuv1) / slope),
      };
    }
    default:
      throw new Error(`no stored values for modality ${modality}`);
  }
}

/** Unsigned 16-bit words; typed arrays are little endian on every machine that Node runs on. */
function words(values, stored) {
  return Uint16Array.from(values, (value) => Math.min(65535, Math.max(0, Math.round(stored(value))))).buffer;
}

/** "2.25." and a 128-bit number (PS3.5 B.2), the same for the same parts. */
function uid(...parts) {
  const digest = createHash("sha256")
    .update(`qdrant-dafh synthetic ${parts.join("/")}`)
    .digest();
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${digest.subarray(0, 16).toString("hex")}`)}`;
}

const meta = (vr, value) => ({ vr, Value: [value] });
const two = (number) => String(number).padStart(2, "0");
const round = (number) => Number(number.toPrecision(8));
