/**
 * The Clean Descriptors Option (PS3.15 E.3.5): of a description stay the words that are known to be about the
 * examination, in the order they stood in; names, ages, numbers without a unit and all that is not known go.
 */

/** Anatomy, technique, contrast and planes, as series and study descriptions use them. No word that is a common name. */
const KNOWN_WORDS: ReadonlySet<string> = new Set(
  `ct cta mr mri mra mrv mrcp pet spect nm dx cr us suv scan scout topogram localizer localiser survey
  abdomen abdominal ankle aorta aortic arm arterial artery axilla bladder body bone bowel brain breast bronchi cardiac carotid
  cerebral cervical chest clavicle coccyx colon coronary cranial ear elbow extremity femur finger foot forearm gallbladder
  hand head heart hepatic hip humerus kidney knee larynx leg liver lower lumbar lung lungs mandible mediastinum
  nasal neck nerve orbit orbits ovary pancreas pancreatic patella pelvic pelvis pituitary prostate pulmonary rectal rectum
  renal rib ribs sacrum shoulder sinus sinuses skull spinal spine spleen sternum stomach thoracic thorax thumb thyroid
  tibia toe tongue trachea upper urinary uterus vascular vein venous wb whole wrist
  axial coronal sagittal oblique transverse transaxial ax cor sag tra left right bilateral anterior posterior lateral
  ap pa supine prone inspiration expiration breath hold free breathing gated respiratory
  contrast enhanced unenhanced non with without pre post plain native late early delayed delay phase portal
  equilibrium nephrographic excretory bolus tracking timing perfusion dynamic iv oral gd gadolinium wo w
  angio angiography venography urography colonography enterography arthrography myelography
  attenuation corrected uncorrected correction ac nac ctac emission transmission static fdg psma dotatate tof osem
  fbp recon reconstruction reformat mpr mip minip thin thick slice slices helical spiral sequential axials volume low dose
  hr hrct high resolution standard soft tissue sharp smooth detail kernel filter window lungwindow bonewindow
  t1 t2 t1w t2w pd pdw flair stir swi gre se tse fse epi dwi adc dti trace asl bold bssfp mprage spgr vibe tirm
  haste space ciss fiesta dixon opposed outphase inphase fat sat fs saturation suppressed water weighted diffusion
  inversion recovery echo spin gradient turbo fast ir dual proton density map maps fused fusion series study
  exam examination routine protocol screening followup follow baseline staging restaging trauma emergency
  biopsy guided planning simulation phantom test quality 2d 3d 4d`
    .trim()
    .split(/\s+/),
);

/** "5 mm", "1.25mm", "120kV", "1.5T", "b1000": never more than four digits, and never without what they measure. */
const QUANTITY = /^(?:b\d{1,4}|\d{1,4}(?:[.,]\d{1,3})?(?:mm|cm|kv|kvp|ma|mas|t|s|sec|min))$/i;

/** "" where nothing is known. */
export function cleanDescription(text: string): string {
  return text
    .split(/[^\p{L}\p{N}.,]+/u)
    .map((word) => word.replace(/^[.,]+|[.,]+$/g, ""))
    .filter((word) => KNOWN_WORDS.has(word.toLowerCase()) || QUANTITY.test(word))
    .join(" ");
}
