/**
 * The attributes that this folder reads, by keyword: tag and value representation from PS3.6. Implicit VR files do
 * not carry the representation, so it is taken from here; for others this is the fallback where a file says UN.
 */

const attribute = (tag: number, vr: string): { readonly tag: number; readonly vr: string } => ({ tag, vr });

export const DICTIONARY = {
  MediaStorageSOPClassUID: attribute(0x00020002, "UI"),
  TransferSyntaxUID: attribute(0x00020010, "UI"),
  SpecificCharacterSet: attribute(0x00080005, "CS"),
  ImageType: attribute(0x00080008, "CS"),
  SOPClassUID: attribute(0x00080016, "UI"),
  SOPInstanceUID: attribute(0x00080018, "UI"),
  StudyDate: attribute(0x00080020, "DA"),
  SeriesDate: attribute(0x00080021, "DA"),
  AcquisitionDate: attribute(0x00080022, "DA"),
  AcquisitionDateTime: attribute(0x0008002a, "DT"),
  SyntheticData: attribute(0x0008001c, "CS"),
  SeriesTime: attribute(0x00080031, "TM"),
  AcquisitionTime: attribute(0x00080032, "TM"),
  Modality: attribute(0x00080060, "CS"),
  ConversionType: attribute(0x00080064, "CS"),
  Manufacturer: attribute(0x00080070, "LO"),
  TimezoneOffsetFromUTC: attribute(0x00080201, "SH"),
  ManufacturerModelName: attribute(0x00081090, "LO"),
  PatientID: attribute(0x00100020, "LO"),
  IssuerOfPatientID: attribute(0x00100021, "LO"),
  PatientBirthDate: attribute(0x00100030, "DA"),
  PatientSex: attribute(0x00100040, "CS"),
  PatientAge: attribute(0x00101010, "AS"),
  PatientWeight: attribute(0x00101030, "DS"),
  BodyPartExamined: attribute(0x00180015, "CS"),
  SliceThickness: attribute(0x00180050, "DS"),
  KVP: attribute(0x00180060, "DS"),
  MagneticFieldStrength: attribute(0x00180087, "DS"),
  SpacingBetweenSlices: attribute(0x00180088, "DS"),
  RadiopharmaceuticalStartTime: attribute(0x00181072, "TM"),
  RadionuclideTotalDose: attribute(0x00181074, "DS"),
  RadionuclideHalfLife: attribute(0x00181075, "DS"),
  RadiopharmaceuticalStartDateTime: attribute(0x00181078, "DT"),
  ImagerPixelSpacing: attribute(0x00181164, "DS"),
  ConvolutionKernel: attribute(0x00181210, "SH"),
  ActualFrameDuration: attribute(0x00181242, "IS"),
  NominalScannedPixelSpacing: attribute(0x00182010, "DS"),
  SequenceOfUltrasoundRegions: attribute(0x00186011, "SQ"),
  CTReconstructionSequence: attribute(0x00189314, "SQ"),
  CTXRayDetailsSequence: attribute(0x00189325, "SQ"),
  StudyInstanceUID: attribute(0x0020000d, "UI"),
  SeriesInstanceUID: attribute(0x0020000e, "UI"),
  InstanceNumber: attribute(0x00200013, "IS"),
  PatientOrientation: attribute(0x00200020, "CS"),
  ImagePositionPatient: attribute(0x00200032, "DS"),
  ImageOrientationPatient: attribute(0x00200037, "DS"),
  FrameOfReferenceUID: attribute(0x00200052, "UI"),
  Laterality: attribute(0x00200060, "CS"),
  ImageLaterality: attribute(0x00200062, "CS"),
  FrameAnatomySequence: attribute(0x00209071, "SQ"),
  PlanePositionSequence: attribute(0x00209113, "SQ"),
  PlaneOrientationSequence: attribute(0x00209116, "SQ"),
  ConcatenationUID: attribute(0x00209161, "UI"),
  ConcatenationFrameOffsetNumber: attribute(0x00209228, "UL"),
  SamplesPerPixel: attribute(0x00280002, "US"),
  PhotometricInterpretation: attribute(0x00280004, "CS"),
  PlanarConfiguration: attribute(0x00280006, "US"),
  NumberOfFrames: attribute(0x00280008, "IS"),
  Rows: attribute(0x00280010, "US"),
  Columns: attribute(0x00280011, "US"),
  PixelSpacing: attribute(0x00280030, "DS"),
  PixelAspectRatio: attribute(0x00280034, "IS"),
  BitsAllocated: attribute(0x00280100, "US"),
  BitsStored: attribute(0x00280101, "US"),
  HighBit: attribute(0x00280102, "US"),
  PixelRepresentation: attribute(0x00280103, "US"),
  PixelPaddingValue: attribute(0x00280120, "US"),
  PixelPaddingRangeLimit: attribute(0x00280121, "US"),
  BurnedInAnnotation: attribute(0x00280301, "CS"),
  PixelSpacingCalibrationType: attribute(0x00280a02, "CS"),
  RescaleIntercept: attribute(0x00281052, "DS"),
  RescaleSlope: attribute(0x00281053, "DS"),
  RescaleType: attribute(0x00281054, "LO"),
  RedPaletteColorLookupTableDescriptor: attribute(0x00281101, "US"),
  GreenPaletteColorLookupTableDescriptor: attribute(0x00281102, "US"),
  BluePaletteColorLookupTableDescriptor: attribute(0x00281103, "US"),
  RedPaletteColorLookupTableData: attribute(0x00281201, "OW"),
  GreenPaletteColorLookupTableData: attribute(0x00281202, "OW"),
  BluePaletteColorLookupTableData: attribute(0x00281203, "OW"),
  ModalityLUTSequence: attribute(0x00283000, "SQ"),
  LUTDescriptor: attribute(0x00283002, "US"),
  LUTData: attribute(0x00283006, "OW"),
  PixelMeasuresSequence: attribute(0x00289110, "SQ"),
  PixelValueTransformationSequence: attribute(0x00289145, "SQ"),
  FramePixelDataPropertiesSequence: attribute(0x00289443, "SQ"),
  RadiopharmaceuticalInformationSequence: attribute(0x00540016, "SQ"),
  Units: attribute(0x00541001, "CS"),
  SUVType: attribute(0x00541006, "CS"),
  DecayCorrection: attribute(0x00541102, "CS"),
  FrameReferenceTime: attribute(0x00541300, "DS"),
  SharedFunctionalGroupsSequence: attribute(0x52009229, "SQ"),
  PerFrameFunctionalGroupsSequence: attribute(0x52009230, "SQ"),
  ExtendedOffsetTable: attribute(0x7fe00001, "OV"),
  ExtendedOffsetTableLengths: attribute(0x7fe00002, "OV"),
  FloatPixelData: attribute(0x7fe00008, "OF"),
  DoubleFloatPixelData: attribute(0x7fe00009, "OD"),
  PixelData: attribute(0x7fe00010, "OW"),
} as const satisfies Record<string, { readonly tag: number; readonly vr: string }>;

export type Keyword = keyof typeof DICTIONARY;

/** "(gggg,eeee)", as errors name a tag. */
export function formatTag(tag: number): string {
  const digits = tag.toString(16).padStart(8, "0");
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

/** "Rows (0028,0010)", as messages name an attribute. */
export function nameOf(keyword: Keyword): string {
  return `${keyword} ${tagOf(keyword)}`;
}

export function tagOf(keyword: Keyword): string {
  return formatTag(DICTIONARY[keyword].tag);
}
