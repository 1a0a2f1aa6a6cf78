/** PNG and JPEG files as grey images: every pixel format that viewers export, and what is refused. */
import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { isImageFile, readImageFile } from "../../../encoder/pixels/index.js";
import { DafhError, type ErrorCode } from "../../../schemas/index.js";

const ramp = Uint8Array.from({ length: 256 }, (_, index) => index);

async function refused(code: ErrorCode, bytes: Uint8Array): Promise<DafhError> {
  try {
    await readImageFile(bytes);
  } catch (error) {
    assert.ok(error instanceof DafhError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`was not refused; expected ${code}`);
}

const grey8 = () => sharp(ramp, { raw: { width: 16, height: 16, channels: 1 } }).toColourspace("b-w");

describe("an image file", () => {
  it("of 8-bit grey keeps every level, also through a palette or as RGB", async () => {
    const files = [
      await grey8().png().toBuffer(),
      await grey8().png({ palette: true, colours: 256 }).toBuffer(),
      await grey8().toColourspace("srgb").png().toBuffer(),
    ];
    for (const file of files) {
      const image = await readImageFile(file);
      assert.deepEqual([image.rows, image.columns, image.scale], [16, 16, "display"]);
      assert.deepEqual(image.values, Float32Array.from(ramp));
    }
  });

  it("of 16-bit grey or colour keeps its fine levels, on the scale of 0 to 255", async () => {
    const levels = Uint16Array.from([0, 257, 1000, 65_535]);
    const grey = await sharp(levels, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    assert.deepEqual([...(await readImageFile(grey)).values], [0, 1, Math.fround(1000 / 257), 255]);
    const colours = Uint16Array.from([257, 257, 257, 65_535, 0, 0]);
    const colour = await sharp(colours, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    assert.deepEqual(
      [...(await readImageFile(colour)).values].map((value) => Math.round(value * 10) / 10),
      [1, 76.2],
    );
  });

  it("with transparency lies over black", async () => {
    const pixels = Uint8Array.from([200, 200, 200, 255, 200, 200, 200, 0, 200, 200, 200, 128, 0, 0, 0, 255]);
    const file = await sharp(pixels, { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    assert.deepEqual([...(await readImageFile(file)).values], [200, 0, 100, 0]);
  });

  it("of JPEG stands upright as its EXIF orientation says", async () => {
    const file = await sharp(ramp, { raw: { width: 32, height: 8, channels: 1 } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const image = await readImageFile(file);
    assert.deepEqual([image.rows, image.columns], [32, 8]);
  });

  it("that is cut off, damaged, empty or of another format is refused by its code", async () => {
    const jpeg = await grey8().resize(200, 200).jpeg().toBuffer();
    const png = await grey8().resize(200, 200).png().toBuffer();
    await refused("IMAGE_CORRUPT", jpeg.subarray(0, jpeg.length >> 1));
    await refused("IMAGE_CORRUPT", png.subarray(0, png.length >> 1));
    await refused("IMAGE_CORRUPT", Buffer.concat([png.subarray(0, 20), new Uint8Array(40)]));
    await refused("FILE_EMPTY", new Uint8Array(0));
    await refused("UNSUPPORTED_IMAGE", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'));
    await refused("UNSUPPORTED_IMAGE", await grey8().webp().toBuffer());
    await refused("UNSUPPORTED_IMAGE", await grey8().tiff().toBuffer());
  });

  it("that unpacks to more pixels than the limit is refused before it is unpacked", async () => {
    const started = process.memoryUsage().rss;
    const error = await refused("TOO_MANY_PIXELS", pngOfZeros(60_000, 60_000));
    assert.match(error.message, /60000 × 60000/);
    assert.ok(process.memoryUsage().rss - started < 200_000_000);
  });

  it("is told from DICOM by its first bytes", async () => {
    assert.ok(isImageFile(await grey8().png().toBuffer()));
    assert.ok(isImageFile(await grey8().jpeg().toBuffer()));
    assert.ok(!isImageFile(new Uint8Array(132)));
    assert.ok(!isImageFile(new Uint8Array(0)));
  });
});

/** A small PNG file that states a large size: header, some compressed zeros, end. */
function pngOfZeros(width: number, height: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  const chunks = [
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", deflateSync(new Uint8Array(1_000_000))),
    chunk("IEND", new Uint8Array(0)),
  ];
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...chunks]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
