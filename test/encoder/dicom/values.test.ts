/** Single values of text: understood whole or not at all. */
import assert from "node:assert/strict";
import {
  parseAge,
  parseDateTime,
  parseDay,
  parseNumber,
  parseTime,
  parseUid,
  parseZone,
} from "../../../encoder/dicom/values.js";

const DAY = 19_724; // 2024-01-02

describe("a value", () => {
  it("is understood in the forms that its representation has and had", () => {
    assert.deepEqual(["20240102", "2024.01.02"].map(parseDay), [DAY, DAY]);
    const times = ["11", "1130", "11:30", "113015", "11:30:15", "113015.25"].map(parseTime);
    assert.deepEqual(times, [39_600, 41_400, 41_400, 41_415, 41_415, 41_415.25]);
    assert.equal(parseDateTime("20240102113015.5+0100", 0), DAY * 86_400 + 41_415.5 - 3_600);
    assert.deepEqual(["+1400", "-1130", "+0000"].map(parseZone), [50_400, -41_400, 0]);
    assert.deepEqual([" 2,5 ", "+7", "-.5", "1e3\0"].map(parseNumber), [2.5, 7, -0.5, 1000]);
  });

  const wrong: readonly (readonly [string, (text: string) => unknown, readonly string[]])[] = [
    ["a day", parseDay, ["20240102junk", "202401021130", "2024.0102", "202401.02", "20240231", "2024-01-02", "240102"]],
    ["a time", parseTime, ["1130junk", "11:", "11::30", "11:3015", "1130:15", "1130.5", "2460", "2400", "113"]],
    [
      "a date and time",
      (text) => parseDateTime(text),
      ["20240102", "20240102113", "20240102113015+9900", "20240102 1130"],
    ],
    ["a zone", parseZone, ["+0130h", "0130", "+2400", "+0160", "+1500"]],
    ["an age", parseAge, ["063", "063Yx", "1000Y", "6 Y"]],
    ["a number", parseNumber, ["12mm", "1,234,5", "0x10", "", "1e999", "--1", "1 2"]],
    ["an identifier", parseUid, ["1.2.3 ", "1.2.3\n", "1..2", "1.2.x", "12"]],
  ];
  for (const [what, parse, texts] of wrong) {
    it(`is not ${what} with anything before, after or between that does not belong there`, () => {
      for (const text of texts) assert.equal(parse(text), undefined, JSON.stringify(text));
    });
  }
});
