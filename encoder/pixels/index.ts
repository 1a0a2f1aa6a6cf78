/**
 * Grey images and what the network sees of them: the one implementation that serving and training share. Pure, but
 * for `readImageFile`, which decodes PNG and JPEG. DICOM is `encoder/dicom`'s matter, the network `encoder/model`'s.
 */
export type { GreyImage, IntensityScale } from "./grey-image.js";
export { isImageFile, readImageFile } from "./image-file.js";
export { NETWORK_INPUT, toNetworkInput, toPreview } from "./network-input.js";
export { hasTextRow } from "./text-rows.js";
