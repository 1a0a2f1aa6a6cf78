/** Letters for tests, five pixels wide and seven high, drawn into grey values: no font of the machine is asked for. */
const LETTERS: Readonly<Record<string, readonly string[]>> = {
  D: ["####.", "#...#", "#...#", "#...#", "#...#", "#...#", "####."],
  O: [".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."],
  E: ["#####", "#....", "#....", "####.", "#....", "#....", "#####"],
  J: ["..###", "...#.", "...#.", "...#.", "...#.", "#..#.", ".##.."],
  A: [".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"],
  N: ["#...#", "##..#", "#.#.#", "#..##", "#...#", "#...#", "#...#"],
};

export interface Text {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  /** Pixels a side of a letter's dot. */
  readonly scale: number;
  readonly grey: number;
}

export function drawText(values: Float32Array | Uint8Array, columns: number, what: Text): void {
  for (const [place, name] of [...what.text].entries()) {
    for (const [row, line] of (LETTERS[name] ?? []).entries()) {
      for (const [column, dot] of [...line].entries()) {
        if (dot !== "#") continue;
        for (let y = 0; y < what.scale; y++) {
          const start = (what.top + row * what.scale + y) * columns + what.left + (place * 6 + column) * what.scale;
          values.fill(what.grey, start, start + what.scale);
        }
      }
    }
  }
}
