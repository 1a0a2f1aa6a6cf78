/**
 * A thread that decodes one file at a time: reads it, opens it, and gives the frames it is asked for as network
 * inputs, with digest and preview. Which file and which frames comes next is `pool.ts`'s matter.
 */
import { workerData } from "node:worker_threads";
import sharp from "sharp";
import { DafhError, type ErrorPlace } from "../../schemas/index.js";
import { initCodecs } from "../dicom/index.js";
import { toNetworkInput } from "../pixels/index.js";
import { type Answered, answerRequests } from "../threads/answering.js";
import { first128Bits, sha256 } from "./digests.js";
import { type LargeFile, openLargeFile } from "./large-file.js";
import { type OpenedFile, openFile } from "./opened-file.js";
import { previewPng } from "./preview.js";
import { readWholeFile } from "./read-file.js";
import type { DecodeAnswer, DecodeRequest, DecodeThreadData } from "./requests.js";

const { fileBytes } = workerData as DecodeThreadData;

// One file a thread at a time: threads within sharp as well would only compete with the network's.
sharp.concurrency(1);
sharp.cache(false);

let opened: OpenedFile | undefined;
let large: LargeFile | undefined;
let place: ErrorPlace = {};

answerRequests<DecodeRequest, DecodeAnswer>(
  async (request) => {
    try {
      return await answer(request);
    } catch (thrown) {
      // The folders below do not know the path.
      if (!(thrown instanceof DafhError)) throw thrown;
      throw new DafhError(thrown.code, thrown.message, { ...place, ...thrown.where }, { cause: thrown.cause });
    }
  },
  { fallback: "DECODER_CRASHED" },
);

async function answer(request: DecodeRequest): Promise<Answered<DecodeAnswer>> {
  switch (request.kind) {
    case "ready":
      await initCodecs();
      return { answer: null };
    case "open":
      return open(request);
    case "hash":
      return { answer: large?.hashMore() };
    case "frame":
      return frame(request.frame, request.previewSize);
    case "inspect":
      return { answer: whatIsOpen().inspect(request.frame) };
    case "planes":
      return { answer: whatIsOpen().planes() };
    case "close":
      close();
      return { answer: null };
  }
}

async function open(request: DecodeRequest & { kind: "open" }): Promise<Answered<DecodeAnswer>> {
  const { source, shownAs, pseudonymKey } = request;
  place = shownAs === undefined ? {} : { path: shownAs };
  close();
  // Costs nothing unless a codec failed on the file before.
  await initCodecs();
  let contentDigest: string | undefined;
  large = "path" in source ? openLargeFile(source.path, fileBytes) : undefined;
  if (large === undefined) {
    const bytes = "path" in source ? await readWholeFile(source.path, fileBytes) : source.bytes;
    contentDigest = first128Bits(sha256(bytes));
    opened = await openFile(bytes);
  } else opened = large.opened;
  const { kind, frames, burnedInText } = opened;
  return { answer: { kind, frames, burnedInText, attributes: opened.attributes(pseudonymKey), contentDigest } };
}

async function frame(number: number, previewSize: number | undefined): Promise<Answered<DecodeAnswer>> {
  const { grey, sha256: pixelSha256, slicePositionMm } = whatIsOpen().frame(number);
  const input = new Float32Array(toNetworkInput(grey));
  const preview = previewSize === undefined ? undefined : await previewPng(grey, previewSize);
  const transfer = preview === undefined ? [input.buffer] : [input.buffer, preview.buffer];
  return { answer: { input, pixelDigest: first128Bits(pixelSha256), preview, slicePositionMm }, transfer };
}

function close(): void {
  large?.close();
  large = undefined;
  opened = undefined;
}

function whatIsOpen(): OpenedFile {
  if (opened === undefined) throw new DafhError("INTERNAL", "a frame was asked for before a file was opened");
  return opened;
}
