/** What is refused before a codec sees it, because one would wait for ever for what is not there. */
import assert from "node:assert/strict";
import sharp from "sharp";
import { readCodestreamHeader } from "../../../encoder/dicom/codestream-headers.js";

const DQT = 0xdb;
const SOS = 0xda;

async function jpeg(): Promise<Buffer> {
  return sharp({ create: { width: 48, height: 32, channels: 3, background: "#557799" } })
    .jpeg()
    .toBuffer();
}

/** The stream with its quantization tables where `place` puts them. */
function withTables(stream: Buffer, place: "first" | "before the scan" | "nowhere"): Buffer {
  const tables: Buffer[] = [];
  const others: Buffer[] = [];
  let offset = 2;
  while (stream[offset + 1] !== SOS) {
    const end = offset + 2 + stream.readUInt16BE(offset + 2);
    (stream[offset + 1] === DQT ? tables : others).push(stream.subarray(offset, end));
    offset = end;
  }
  const before = place === "first" ? tables : [];
  const after = place === "before the scan" ? tables : [];
  return Buffer.concat([stream.subarray(0, 2), ...before, ...others, ...after, stream.subarray(offset)]);
}

describe("the header of a JPEG codestream", () => {
  for (const place of ["first", "before the scan"] as const) {
    it(`is read with its quantization tables ${place}`, async () => {
      const { rows, columns, samplesPerPixel } = readCodestreamHeader(withTables(await jpeg(), place), "jpeg");
      assert.deepEqual([rows, columns, samplesPerPixel], [32, 48, 3]);
    });
  }

  it("is refused without a quantization table", async () => {
    const stream = withTables(await jpeg(), "nowhere");
    assert.throws(() => readCodestreamHeader(stream, "jpeg"), {
      code: "PIXEL_DATA_CORRUPT",
      message: /no quantization table/,
    });
  });
});
