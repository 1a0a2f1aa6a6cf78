/** One stored frame: its id, its form as a Qdrant point, and the way many of them are sent. */
export {
  checkEmbedding,
  checkPayload,
  type DafhPoint,
  fromQdrantPoint,
  type StoredInstance,
  toPayload,
} from "./mapping.js";
export { pointId } from "./point-id.js";
export { uploadPoints } from "./upload.js";
