/** Everything that crosses a boundary between folders: embeddings, encodings, searches, the payload's fields, errors. */
export * from "./embedding.js";
export * from "./encoding.js";
export * from "./errors.js";
export * from "./make-folder.js";
export * from "./payload.js";
export * from "./search.js";
