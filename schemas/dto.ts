/**
 * The HTTP API's bodies, as decorated classes: the gateway validates requests with them, and /openapi.json is made
 * from them, so that neither can say something else than the other. They are mapped to and from the domain's shapes
 * in `gateway/mapping/`. A door of its own beside `index.ts`: who uses the plugin alone need not load a validator.
 */
export * from "./dto-answers.js";
export * from "./dto-requests.js";
