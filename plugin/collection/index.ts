/** Where the points are: the way to Qdrant with its retries (connection.ts) and the collection itself (open.ts). */
export { Connection, type ConnectionOptions } from "./connection.js";
export { collectionInfo, openCollection } from "./open.js";
export { READ, WRITE } from "./retry.js";
