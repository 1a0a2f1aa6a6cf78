/** The arithmetic on codes, held against slow and obvious ways to say the same. */
import assert from "node:assert/strict";
import {
  codeFromHex,
  hammingDistance,
  hammingToScore,
  prefixCode,
  radiusToScoreThreshold,
  scoreToHamming,
} from "../../plugin/codes/index.js";
import { codeToHex, DafhError, packCode } from "../../schemas/index.js";
import { randomGenerator } from "./generated.js";

const bitsOf = (code: Uint8Array) => [...code].map((byte) => byte.toString(2).padStart(8, "0")).join("");

describe("codes", () => {
  it("counts the bits in which two codes differ", () => {
    const random = randomGenerator(1);
    for (let round = 0; round < 200; round++) {
      const [left, right] = [0, 1].map(() => Uint8Array.from({ length: 8 }, () => Math.floor(random() * 256)));
      assert.ok(left !== undefined && right !== undefined);
      const differing = [...bitsOf(left)].filter((bit, at) => bit !== bitsOf(right)[at]).length;
      assert.equal(hammingDistance(left, right), differing);
      assert.equal(hammingDistance(right, left), differing);
    }
  });

  it("refuses to compare codes of different lengths", () => {
    assert.throws(
      () => hammingDistance(new Uint8Array(8), new Uint8Array(4)),
      (error) => error instanceof DafhError && error.code === "BAD_OPTION",
    );
  });

  it("cuts a prefix that is the code of the first values of the hash", () => {
    const random = randomGenerator(2);
    const hash = Float32Array.from({ length: 64 }, () => random() - 0.5);
    for (const bits of [16, 32, 48, 64, 13, 1]) {
      assert.equal(codeToHex(prefixCode(packCode(hash), bits)), codeToHex(packCode(hash.slice(0, bits))));
    }
    assert.throws(() => prefixCode(packCode(hash), 65), DafhError);
    assert.throws(() => prefixCode(packCode(hash), 0), DafhError);
  });

  it("reads back the hex that it writes, and refuses what is no hex", () => {
    assert.deepEqual(codeFromHex("00ff10"), Uint8Array.of(0, 255, 16));
    assert.equal(codeToHex(codeFromHex("deadbeef")), "deadbeef");
    for (const text of ["", "0", "0g", "0x11", "12 "]) assert.throws(() => codeFromHex(text), DafhError);
  });

  it("turns a distance into Qdrant's score and back, and a radius into a threshold just below it", () => {
    for (let distance = 0; distance <= 64; distance++) {
      const score = hammingToScore(distance, 64);
      assert.equal(scoreToHamming(score, 64), distance);
      assert.ok(score > radiusToScoreThreshold(distance, 64), "the radius itself is let through");
      assert.ok(hammingToScore(distance + 1, 64) <= radiusToScoreThreshold(distance, 64), "the next one is not");
    }
  });
});
