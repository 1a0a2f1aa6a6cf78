/**
 * The id of a stored frame: the same instance and frame have the same id on every machine, so ingesting twice is
 * ingesting once. What the point holds is `mapping.ts`'s matter.
 */
import { v5 as uuidV5 } from "uuid";
import { DafhError } from "../../schemas/index.js";

/** This product's own namespace (a random UUID, fixed for good: changing it would store every image twice). */
const NAMESPACE = "2cd1fe5c-1119-4bfe-84fd-20ee27aec180";

/**
 * UUIDv5 of an instance's frame.
 * @param sopInstanceUid SOP Instance UID; for an image that is not DICOM, whatever identifies it for good
 * @param frame from 1
 * @throws DafhError BAD_OPTION where the UID is empty or the frame is not a whole number from 1
 */
export function pointId(sopInstanceUid: string, frame: number): string {
  if (sopInstanceUid === "") throw new DafhError("BAD_OPTION", "A point needs a SOP Instance UID; it is empty.");
  if (!Number.isSafeInteger(frame) || frame < 1) {
    throw new DafhError("BAD_OPTION", `Frames count from 1; ${frame} is none.`);
  }
  // A UID holds digits and dots only, so "#" keeps instance and frame apart.
  return uuidV5(`${sopInstanceUid}#${frame}`, NAMESPACE);
}
