/**
 * DICOM files: bytes → dataset → stored values → grey values with their meaning, and the payload's attributes.
 * Synchronous and free of effects once `initCodecs()` has resolved; which thread it runs in, and what becomes of one
 * that hangs, is for the caller. The numbered steps of the pixels stand in `grey-frame.ts`.
 */
export { initCodecs } from "./codecs.js";
export type { Inspection } from "./inspect.js";
export { type DicomInstance, openDicom } from "./instance.js";
export type { Plane } from "./plane.js";
export { type Series, type SeriesFrame, type Stack, seriesInSpatialOrder } from "./series-order.js";
export { isRetrievable, requireRetrievable } from "./sop-classes.js";
