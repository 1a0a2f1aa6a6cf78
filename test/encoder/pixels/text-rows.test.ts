/** A row of printed letters in a picture is seen, whatever its size and grey; what medical images hold is not one. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { type GreyImage, hasTextRow, readImageFile } from "../../../encoder/pixels/index.js";
import { drawText, type Text } from "./letters.js";

const TEST_DATA = process.env.DAFH_TEST_DATA ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const LABELLED = join(TEST_DATA, "labelled");
const SIDE = 256;
/** Of the labelled pictures, 308. */
const EVERY = 16;

/** A bright disc with texture, the ground around it even. */
function body(ground = 6, side = SIDE): GreyImage {
  const values = Float32Array.from({ length: side * side }, (_, index) => {
    const [x, y] = [(index % side) - side / 2, Math.floor(index / side) - side / 2];
    return Math.hypot(x, y) > side / 4 ? ground : 120 + 80 * Math.sin(x / 3) * Math.cos(y / 5);
  });
  return { rows: side, columns: side, values, scale: "display" };
}

function withText(image: GreyImage, text: Partial<Text>): GreyImage {
  drawText(image.values, image.columns, { text: "DOEJANE", left: 8, top: 10, scale: 1, grey: 255, ...text });
  return image;
}

describe("letters in a picture", () => {
  it("are seen as a row of five or more, white, grey or black, small or large, wherever there is even ground", () => {
    for (const grey of [130, 200, 255]) {
      for (const scale of [1, 2, 4]) assert.ok(hasTextRow(withText(body(), { grey, scale })), `${grey} × ${scale}`);
    }
    assert.ok(hasTextRow(withText(body(), { text: "DOEJA", top: SIDE - 12, left: SIDE - 40 })), "the other corner");
    assert.ok(hasTextRow(withText(body(250), { grey: 0 })), "black on white");
    assert.ok(hasTextRow(withText(body(6, 2_100), { scale: 3 })), "in a picture that is looked at in reduced size");
  });

  it("are seen through a JPEG", async () => {
    const { values } = withText(body(), { scale: 2 });
    const file = await sharp(Uint8Array.from(values), { raw: { width: SIDE, height: SIDE, channels: 1 } })
      .jpeg({ quality: 50 })
      .toBuffer();
    assert.ok(hasTextRow(await readImageFile(file)));
  });

  it("are not made out of a body, a side marker, noise, a grid or nothing", () => {
    assert.ok(!hasTextRow(body()));
    assert.ok(!hasTextRow(withText(body(), { text: "A" })));
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    assert.ok(!hasTextRow({ ...body(), values: Float32Array.from({ length: SIDE * SIDE }, () => 255 * random()) }));
    const grid = Float32Array.from({ length: SIDE * SIDE }, (_, index) => (index % 16 === 0 ? 255 : 0));
    assert.ok(!hasTextRow({ ...body(), values: grid }));
    assert.ok(!hasTextRow({ ...body(), values: new Float32Array(SIDE * SIDE) }));
  });

  it(`are not seen in labelled pictures${existsSync(LABELLED) ? "" : " (skipped: no test data)"}`, async function () {
    if (!existsSync(LABELLED)) this.skip();
    this.timeout(30_000);
    const names = (await readdir(LABELLED, { recursive: true })).filter((name) => /\.(?:png|jpe?g)$/.test(name)).sort();
    const seen: string[] = [];
    for (const name of names.filter((_, index) => index % EVERY === 0)) {
      if (hasTextRow(await readImageFile(await readFile(join(LABELLED, name))))) seen.push(name);
    }
    assert.deepEqual(seen, []);
  });
});
