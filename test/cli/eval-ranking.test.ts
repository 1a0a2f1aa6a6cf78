/** Expectations over ties against the mean over every order of them, and what can be counted by hand. */
import assert from "node:assert/strict";
import { rankingFigures, type Tie, tiesOf } from "../../cli/eval/ranking.js";
import { auroc, meanOf } from "../../cli/eval/statistics.js";

/** Every order of a list of 0 and 1, once. */
function orders(hits: number, others: number): number[][] {
  if (hits === 0) return [Array.from({ length: others }, () => 0)];
  if (others === 0) return [Array.from({ length: hits }, () => 1)];
  return [
    ...orders(hits - 1, others).map((rest) => [1, ...rest]),
    ...orders(hits, others - 1).map((rest) => [0, ...rest]),
  ];
}

function rankings(ties: readonly Tie[]): number[][] {
  return ties.reduce<number[][]>(
    (before, { size, hits }) => before.flatMap((head) => orders(hits, size - hits).map((tail) => [...head, ...tail])),
    [[]],
  );
}

function plain(ranking: readonly number[], relevant: number) {
  const precisions = ranking.map((hit, index) => {
    const soFar = ranking.slice(0, index + 1).reduce((sum, value) => sum + value, 0);
    return hit === 1 ? soFar / (index + 1) : 0;
  });
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const found = sum(ranking.slice(0, 10));
  const gains = (list: readonly number[]): number =>
    sum(list.slice(0, 10).map((hit, rank) => hit / Math.log2(rank + 2)));
  return {
    averagePrecision: found === 0 ? 0 : sum(precisions.slice(0, 10)) / found,
    averagePrecisionOfRelevant: sum(precisions.slice(0, 10)) / Math.min(10, relevant),
    precision1: ranking[0] ?? 0,
    precision5: sum(ranking.slice(0, 5)) / 5,
    precision10: found / 10,
    ndcg10: gains(ranking) / gains(Array.from({ length: relevant }, () => 1)),
    fullAveragePrecision: sum(precisions) / relevant,
  };
}

const CASES: readonly (readonly Tie[])[] = [
  [{ size: 12, hits: 3 }],
  [
    { size: 2, hits: 1 },
    { size: 5, hits: 2 },
    { size: 6, hits: 4 },
  ],
  [
    { size: 4, hits: 0 },
    { size: 3, hits: 3 },
    { size: 7, hits: 1 },
  ],
  [
    { size: 3, hits: 2 },
    { size: 4, hits: 1 },
  ],
  [
    { size: 9, hits: 0 },
    { size: 6, hits: 2 },
  ],
];

describe("figures of a ranking with ties", () => {
  for (const ties of CASES) {
    it(`are the mean over all orders of ${ties.map(({ size, hits }) => `${hits} of ${size}`).join(", ")}`, () => {
      const relevant = ties.reduce((sum, { hits }) => sum + hits, 0);
      const all = rankings(ties).map((ranking) => plain(ranking, relevant));
      const found = rankingFigures(ties, relevant, true);
      for (const name of Object.keys(found) as (keyof typeof found)[]) {
        const expected = all.reduce((sum, one) => sum + one[name], 0) / all.length;
        assert.ok(Math.abs((found[name] ?? Number.NaN) - expected) < 1e-9, `${name}: ${found[name]} and ${expected}`);
      }
    });
  }

  it("are 0 without a hit and 1 with nothing else", () => {
    const nothing = rankingFigures([{ size: 30, hits: 0 }], 5, true);
    assert.equal(nothing.averagePrecision, 0);
    const everything = rankingFigures([{ size: 3_530, hits: 3_530 }], 3_530, true);
    assert.ok(Math.abs(everything.averagePrecision - 1) < 1e-9);
    assert.ok(Math.abs(everything.ndcg10 - 1) < 1e-9);
  });

  it("see ties where distances are equal", () => {
    assert.deepEqual(
      tiesOf([0, 1, 1, 4], (index) => index === 2).map(({ size, hits }) => [size, hits]),
      [
        [1, 0],
        [2, 1],
        [1, 0],
      ],
    );
  });
});

describe("means of queries", () => {
  it("leave classes of few queries out of macro, and not out of micro", () => {
    const of = (className: string, count: number, value: number) =>
      Array.from({ length: count }, (_, index) => ({ className, value, group: `${className}-${index}` }));
    const { micro, macro } = meanOf([...of("a", 10, 1), ...of("b", 30, 0.5), ...of("few", 5, 0)]);
    assert.equal(macro, 0.75);
    assert.ok(Math.abs(micro - 25 / 45) < 1e-12);
  });

  it("give the AUROC of scores, ties counting half", () => {
    assert.equal(auroc([1, 2, 3], [4, 5]), 1);
    assert.equal(auroc([1, 1], [1, 1]), 0.5);
    assert.equal(auroc([1, 3], [2]), 0.5);
  });
});
