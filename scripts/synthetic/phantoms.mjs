/**
 * Bodies made of soft-edged ellipsoids, painted one over the other: enough of heads, chests, bellies and knees that
 * images of one region look alike and those of another do not. Not anatomy, and never passed off as it. What the
 * values are written into is `cohort.mjs`'s matter.
 *
 * Space is [-1, 1]³: x to the image's right, y down, z along the slices. A phantom is a list of [shape, value] in
 * painting order; values are HU (CT), arbitrary signal (MR) or SUV (PT).
 */

/** Tilt in radians, in the slice's plane. */
const ellipsoid = (x, y, z, rx, ry, rz, tilt = 0) => ({
  x,
  y,
  z,
  rx,
  ry,
  rz,
  cos: Math.cos(tilt),
  sin: Math.sin(tilt),
});
/** Goes through all slices. */
const column = (x, y, rx, ry, tilt = 0) => ellipsoid(x, y, 0, rx, ry, 1e6, tilt);

/** 1 inside, 0 outside, and in between over the width of `edge`. */
function coverage(shape, x, y, z, edge) {
  const [dx, dy] = [x - shape.x, y - shape.y];
  const u = (dx * shape.cos + dy * shape.sin) / shape.rx;
  const v = (dy * shape.cos - dx * shape.sin) / shape.ry;
  const w = (z - shape.z) / shape.rz;
  const depth = (1 - Math.sqrt(u * u + v * v + w * w)) * Math.min(shape.rx, shape.ry);
  return Math.min(1, Math.max(0, depth / edge + 0.5));
}

/** The value at a place: what was painted last covers what was painted before. */
export function valueAt(phantom, x, y, z, edge) {
  let value = phantom.background;
  for (const [shape, painted] of phantom.shapes) {
    const covered = coverage(shape, x, y, z, edge);
    if (covered > 0) value += (painted - value) * covered;
  }
  return value;
}

/**
 * @param tissue values by name
 * @param patient `size` about 1, `random` for what varies from one person to the next, `lesion` whether there is one
 */
function head(tissue, { size, random, lesion }) {
  const wide = 0.62 * size;
  const long = 0.8 * size;
  const ventricle = 0.8 + 0.5 * random();
  const shapes = [
    [ellipsoid(0, 0, 0, wide, long, 1.25), tissue.scalp],
    [ellipsoid(0, 0, 0, wide * 0.93, long * 0.95, 1.2), tissue.skull],
    [ellipsoid(0, 0, 0, wide * 0.85, long * 0.89, 1.14), tissue.fluid],
    [ellipsoid(0, 0, 0, wide * 0.82, long * 0.86, 1.1), tissue.grey],
    [ellipsoid(-wide * 0.39, 0.02, 0.05, wide * 0.33, long * 0.68, 0.95, 0.06), tissue.white],
    [ellipsoid(wide * 0.39, 0.02, 0.05, wide * 0.33, long * 0.68, 0.95, -0.06), tissue.white],
    [ellipsoid(-0.09, -0.08, 0.1, 0.05 * ventricle, 0.24, 0.4, 0.25), tissue.fluid],
    [ellipsoid(0.09, -0.08, 0.1, 0.05 * ventricle, 0.24, 0.4, -0.25), tissue.fluid],
    [ellipsoid(-0.17, 0.08, 0, 0.09, 0.13, 0.3), tissue.grey],
    [ellipsoid(0.17, 0.08, 0, 0.09, 0.13, 0.3), tissue.grey],
    [ellipsoid(0, 0.5 * long, -0.9, wide * 0.6, 0.2, 0.35), tissue.grey],
    [ellipsoid(-0.2, -long * 0.78, -1, 0.13, 0.13, 0.3), tissue.fluid],
    [ellipsoid(0.2, -long * 0.78, -1, 0.13, 0.13, 0.3), tissue.fluid],
  ];
  if (lesion) {
    const side = random() < 0.5 ? -1 : 1;
    const [y, z] = [-0.3 + 0.5 * random(), -0.2 + 0.6 * random()];
    shapes.push([ellipsoid(side * 0.28, y, z, 0.17, 0.15, 0.5), tissue.oedema]);
    shapes.push([ellipsoid(side * 0.28, y, z, 0.1, 0.09, 0.35), tissue.lesion]);
  }
  return { background: tissue.air, shapes };
}

function chest(tissue, { size, random, lesion }) {
  const wide = 0.88 * size;
  const deep = 0.62 * size;
  const shapes = [
    [column(0, 0, wide, deep), tissue.fat],
    [column(0, 0.01, wide * 0.92, deep * 0.9), tissue.muscle],
    [ellipsoid(-wide * 0.45, -0.02, 0.1, wide * 0.38, deep * 0.72, 1.5, 0.1), tissue.lung],
    [ellipsoid(wide * 0.45, -0.02, 0.1, wide * 0.38, deep * 0.72, 1.5, -0.1), tissue.lung],
    [ellipsoid(0, -0.05, 0.2, wide * 0.16, deep * 0.6, 2), tissue.mediastinum],
    [ellipsoid(wide * 0.16, -0.12, -0.6, wide * 0.3, deep * 0.42, 0.75, 0.4), tissue.heart],
    [ellipsoid(wide * 0.19, -0.12, -0.6, wide * 0.17, deep * 0.24, 0.5, 0.4), tissue.ventricle],
    [column(wide * 0.1, deep * 0.38, 0.075, 0.075), tissue.vessel],
    [ellipsoid(-0.02, -0.02, 0.9, 0.05, 0.05, 0.9), tissue.airway],
    [column(0, deep * 0.62, 0.13, 0.11), tissue.bone],
    [column(0, deep * 0.84, 0.05, 0.08), tissue.bone],
    [column(0, -deep * 0.86, 0.11, 0.035), tissue.bone],
    [ellipsoid(-wide * 0.5, 0.05, -1.15, wide * 0.4, deep * 0.62, 0.6), tissue.liver],
  ];
  for (let rib = 0; rib < 10; rib++) {
    const angle = ((rib + 0.5) / 10) * 2 * Math.PI;
    shapes.push([
      ellipsoid(wide * 0.87 * Math.cos(angle), deep * 0.84 * Math.sin(angle), 0, 0.1, 0.028, 1e6, angle + Math.PI / 2),
      tissue.bone,
    ]);
  }
  for (let branch = 0; branch < 14; branch++) {
    const side = branch % 2 === 0 ? -1 : 1;
    const reach = 0.2 + 0.5 * random();
    const width = 0.03 * (1 - reach * 0.7);
    shapes.push([
      ellipsoid(
        side * wide * reach,
        (random() - 0.5) * deep,
        (random() - 0.5) * 1.6,
        width,
        width * 2.2,
        0.3,
        random() * 3,
      ),
      tissue.vessel,
    ]);
  }
  if (lesion) {
    const radius = 0.06 + 0.06 * random();
    shapes.push([
      ellipsoid(wide * (random() < 0.5 ? -0.5 : 0.5), -0.25 + 0.4 * random(), 0.2 * random(), radius, radius, 0.6),
      tissue.lesion,
    ]);
  }
  return { background: tissue.air, shapes };
}

function abdomen(tissue, { size, random, lesion }) {
  const wide = 0.86 * size;
  const deep = 0.6 * size;
  const shapes = [
    [column(0, 0, wide, deep), tissue.fat],
    [column(0, 0, wide * 0.86, deep * 0.84), tissue.muscle],
    [column(0, -0.04, wide * 0.78, deep * 0.72), tissue.fat],
    [ellipsoid(-wide * 0.38, -0.06, 0.35, wide * 0.4, deep * 0.6, 0.95, 0.3), tissue.liver],
    [ellipsoid(wide * 0.1, -deep * 0.4, 0.5, wide * 0.3, deep * 0.25, 0.5, -0.2), tissue.liver],
    [ellipsoid(wide * 0.58, 0.12, 0.5, wide * 0.15, deep * 0.36, 0.6, -0.35), tissue.spleen],
    [ellipsoid(wide * 0.34, -deep * 0.15, 0.4, wide * 0.24, deep * 0.3, 0.5, 0.5), tissue.bowel],
    [ellipsoid(wide * 0.34, -deep * 0.3, 0.4, wide * 0.12, deep * 0.1, 0.3), tissue.gas],
    [ellipsoid(-wide * 0.38, deep * 0.36, -0.4, 0.12, 0.17, 0.7, 0.4), tissue.kidney],
    [ellipsoid(wide * 0.38, deep * 0.36, -0.4, 0.12, 0.17, 0.7, -0.4), tissue.kidney],
    [ellipsoid(-wide * 0.34, deep * 0.34, -0.4, 0.05, 0.08, 0.4), tissue.fat],
    [ellipsoid(wide * 0.34, deep * 0.34, -0.4, 0.05, 0.08, 0.4), tissue.fat],
    [column(0.06, deep * 0.3, 0.06, 0.06), tissue.vessel],
    [column(-0.08, deep * 0.28, 0.07, 0.05), tissue.vessel],
    [column(0, deep * 0.55, 0.16, 0.12), tissue.bone],
    [column(0, deep * 0.8, 0.05, 0.1), tissue.bone],
    [column(-0.2, deep * 0.66, 0.13, 0.12), tissue.muscle],
    [column(0.2, deep * 0.66, 0.13, 0.12), tissue.muscle],
  ];
  for (let loop = 0; loop < 9; loop++) {
    const [x, y] = [(random() - 0.5) * wide * 1.1, -deep * (0.1 + 0.45 * random())];
    shapes.push([ellipsoid(x, y, -0.9 + 0.3 * random(), 0.13, 0.1, 0.5, random() * 3), tissue.bowel]);
    if (loop % 3 === 0) shapes.push([ellipsoid(x, y - 0.03, -0.9, 0.07, 0.05, 0.35), tissue.gas]);
  }
  if (lesion) {
    const radius = 0.07 + 0.05 * random();
    shapes.push([ellipsoid(-wide * 0.45, -0.15 + 0.25 * random(), 0.35, radius, radius, 0.5), tissue.lesion]);
  }
  return { background: tissue.air, shapes };
}

/** Sagittal: thigh above, shin below, the kneecap in front. */
function knee(tissue, { size, random, lesion }) {
  const wide = 0.52 * size;
  const shapes = [
    [column(0, 0, wide * 1.25, 1.6), tissue.fat],
    [column(0.06, 0, wide * 1.05, 1.5), tissue.muscle],
    [column(-0.06, -0.75, 0.2 * size, 0.75), tissue.cortex],
    [column(-0.06, -0.75, 0.17 * size, 0.72), tissue.marrow],
    [ellipsoid(0, -0.18, 0, 0.36 * size, 0.27, 0.95), tissue.cartilage],
    [ellipsoid(0, -0.2, 0, 0.33 * size, 0.25, 0.9), tissue.marrow],
    [ellipsoid(0, 0.3, 0, 0.37 * size, 0.16, 0.95), tissue.cartilage],
    [ellipsoid(0, 0.33, 0, 0.35 * size, 0.16, 0.9), tissue.marrow],
    [column(-0.02, 0.85, 0.17 * size, 0.65), tissue.cortex],
    [column(-0.02, 0.85, 0.14 * size, 0.62), tissue.marrow],
    [ellipsoid(-0.46 * size, -0.22, 0, 0.09, 0.17, 0.6), tissue.cortex],
    [ellipsoid(-0.46 * size, -0.22, 0, 0.075, 0.15, 0.55), tissue.marrow],
    [ellipsoid(-0.4 * size, 0.1, 0, 0.1, 0.18, 0.7, 0.2), tissue.fat],
    [column(-0.5 * size, 0.2, 0.035, 0.35, 0.1), tissue.cortex],
    [ellipsoid(0.2, 0.06, 0.3, 0.07, 0.03, 0.5), tissue.cortex],
    [ellipsoid(-0.2, 0.06, 0.3, 0.07, 0.03, 0.5), tissue.cortex],
  ];
  if (lesion) shapes.push([ellipsoid(0.05 * random(), 0.02, 0, 0.3, 0.05 + 0.03 * random(), 0.8), tissue.lesion]);
  return { background: tissue.air, shapes };
}

// CT: Hounsfield units, portal-venous contrast.
const CT = {
  head: { air: -1000, scalp: 20, skull: 950, fluid: 8, grey: 40, white: 30, oedema: 18, lesion: 75 },
  chest: {
    ...{ air: -1000, fat: -95, muscle: 55, lung: -840, mediastinum: 40, heart: 110, ventricle: 150, vessel: 140 },
    ...{ airway: -980, bone: 420, liver: 105, lesion: 40 },
  },
  abdomen: {
    ...{ air: -1000, fat: -100, muscle: 58, liver: 108, spleen: 118, bowel: 35, gas: -900, kidney: 170, vessel: 155 },
    ...{ bone: 380, lesion: 12 },
  },
};

// MR: signal, arbitrary units.
const MR = {
  t1Brain: { air: 8, scalp: 900, skull: 60, fluid: 130, grey: 430, white: 620, oedema: 350, lesion: 760 },
  t2Brain: { air: 8, scalp: 520, skull: 40, fluid: 980, grey: 520, white: 370, oedema: 800, lesion: 640 },
  knee: { air: 6, fat: 820, muscle: 300, cortex: 50, marrow: 700, cartilage: 420, lesion: 960 },
};

// PT: SUV of FDG.
const PT = {
  head: { air: 0, scalp: 0.7, skull: 0.6, fluid: 1.2, grey: 8.5, white: 3.4, oedema: 2.2, lesion: 11 },
  chest: {
    ...{ air: 0, fat: 0.35, muscle: 0.7, lung: 0.4, mediastinum: 1.5, heart: 5.5, ventricle: 1.7, vessel: 1.6 },
    ...{ airway: 0.2, bone: 1, liver: 2.3, lesion: 9 },
  },
  abdomen: {
    ...{ air: 0, fat: 0.35, muscle: 0.7, liver: 2.3, spleen: 1.9, bowel: 1.4, gas: 0.2, kidney: 5, vessel: 1.6 },
    ...{ bone: 1, lesion: 8 },
  },
};

/** The series that every patient of the cohort has. */
export const SERIES = [
  { modality: "CT", bodyPart: "HEAD", protocol: "HEAD", build: (patient) => head(CT.head, patient) },
  { modality: "CT", bodyPart: "CHEST", protocol: "CHEST", build: (patient) => chest(CT.chest, patient) },
  { modality: "CT", bodyPart: "ABDOMEN", protocol: "ABDOMEN", build: (patient) => abdomen(CT.abdomen, patient) },
  { modality: "MR", bodyPart: "BRAIN", protocol: "BRAIN T1", build: (patient) => head(MR.t1Brain, patient) },
  { modality: "MR", bodyPart: "BRAIN", protocol: "BRAIN T2", build: (patient) => head(MR.t2Brain, patient) },
  { modality: "MR", bodyPart: "KNEE", protocol: "KNEE PD", build: (patient) => knee(MR.knee, patient) },
  { modality: "PT", bodyPart: "HEAD", protocol: "HEAD FDG", build: (patient) => head(PT.head, patient) },
  { modality: "PT", bodyPart: "CHEST", protocol: "CHEST FDG", build: (patient) => chest(PT.chest, patient) },
  { modality: "PT", bodyPart: "ABDOMEN", protocol: "ABDOMEN FDG", build: (patient) => abdomen(PT.abdomen, patient) },
];
