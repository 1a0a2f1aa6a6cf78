/** The network: its description, and its sessions in threads. What an image is before it is an input is not known here. */
export { type ModelDescription, PACKAGED_MODELS, readModel } from "./description.js";
export { Network, type NetworkBatch } from "./network.js";
