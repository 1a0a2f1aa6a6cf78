/** The contract of filters: each row is a filter and the ids of the fixture's points that it lets through. */
import assert from "node:assert/strict";
import { ALL_IDS, type Case, type Id, sorted, UUID_A, UUID_B } from "./fixture.js";

type Filter = Record<string, unknown>;
const field = (key: string, condition: Filter): Filter => ({ key, ...condition });
const is = (key: string, value: unknown): Filter => field(key, { match: { value } });
const but = (...left: Id[]): Id[] => ALL_IDS.filter((id) => !left.includes(id));

const ROWS: readonly (readonly [title: string, filter: Filter, expected: readonly Id[]])[] = [
  ["an empty filter lets everything through", {}, ALL_IDS],
  ["must: one keyword", { must: [is("modality", "PT")] }, [7, 8, 9]],
  ["must: one condition without its list", { must: is("modality", "PT") }, [7, 8, 9]],
  ["must: several conditions all hold", { must: [is("modality", "CT"), is("region", "CHEST")] }, [1, 2]],
  [
    "must: conditions that exclude each other let nothing through",
    { must: [is("modality", "CT"), is("modality", "MR")] },
    [],
  ],
  ["should: at least one holds", { should: [is("modality", "PT"), is("region", "KNEE")] }, [6, 7, 8, 9]],
  ["must_not: none holds", { must_not: [is("modality", "CT"), is("modality", "MR")] }, [7, 8, 9]],
  [
    "must, should and must_not together",
    { must: [is("region", "CHEST")], should: [is("modality", "CT"), is("frame", 3)], must_not: [is("frame", 2)] },
    [1, 9],
  ],
  [
    "min_should: at least two of three hold",
    { min_should: { conditions: [is("modality", "CT"), is("region", "CHEST"), is("frame", 2)], min_count: 2 } },
    [1, 2, 8, UUID_B],
  ],
  [
    "min_should: a count of zero lets everything through",
    { min_should: { conditions: [is("modality", "CT")], min_count: 0 } },
    ALL_IDS,
  ],
  ["min_should: nothing to hold lets everything through", { min_should: { conditions: [], min_count: 1 } }, ALL_IDS],
  [
    "a filter is a condition of a filter",
    { must: [{ should: [is("region", "KNEE"), is("region", "BODY")] }], must_not: [{ must: [is("modality", "PT")] }] },
    [6],
  ],
  ["match: an integer", { must: [is("frame", 1)] }, [1, 3, 4, 7, UUID_A]],
  ["match: a boolean", { must: [is("synthetic", true)] }, [3, 4, 6]],
  ["match: false is not absent", { must: [is("synthetic", false)] }, [1, 2]],
  ["match: one value of several", { must: [is("label", "tumour")] }, [4, 5, 8]],
  ["match: a value of another type matches nothing", { must: [is("modality", 1)] }, []],
  ["match: a field that no point has", { must: [is("nowhere", "x")] }, []],
  ["match: a nested field by its path", { must: [is("device.maker", "Acme")] }, [1, 2]],
  ["match any: keywords", { must: [field("modality", { match: { any: ["PT", "MR"] } })] }, [4, 5, 6, 7, 8, 9, UUID_A]],
  ["match any: integers", { must: [field("study", { match: { any: [100, 500] } })] }, [1, 2, 10]],
  ["match any: an empty list matches nothing", { must: [field("modality", { match: { any: [] } })] }, []],
  ["match except: keywords", { must: [field("modality", { match: { except: ["CT", "MR"] } })] }, [7, 8, 9]],
  ["match except: integers", { must: [field("frame", { match: { except: [1, 2, 3] } })] }, [6, 10]],
  [
    "match except: a missing field matches not",
    { must: [field("region", { match: { except: ["CHEST", "HEAD"] } })] },
    [6, 7, 10, UUID_A],
  ],
  ["match text: all words, in any order", { must: [field("note", { match: { text: "lung nodule" } })] }, [1, 2]],
  ["match text: a word that only one has", { must: [field("note", { match: { text: "LARGE nodule" } })] }, [2]],
  ["match phrase: words in their order", { must: [field("note", { match: { phrase: "left lung" } })] }, [1]],
  ["match phrase: not in another order", { must: [field("note", { match: { phrase: "lung left" } })] }, []],
  ["match text_any: any of the words", { must: [field("note", { match: { text_any: "left finding" } })] }, [1, 3]],
  [
    "match text: without a text index, the text as it stands",
    { must: [field("region", { match: { text: "HES" } })] },
    [1, 2, 8, 9],
  ],
  [
    "match text_any: without a text index, any of the words as it stands",
    { must: [field("region", { match: { text_any: "NEE OD" } })] },
    [6, 7],
  ],
  [
    "range: gte and lte include their bounds",
    { must: [field("thickness", { range: { gte: 1, lte: 3 } })] },
    [1, 4, 5, 8],
  ],
  ["range: gt and lt exclude their bounds", { must: [field("thickness", { range: { gt: 1, lt: 3 } })] }, [1, 8]],
  ["range: an open end", { must: [field("thickness", { range: { gte: 5 } })] }, [2, UUID_A, UUID_B]],
  ["range: negative values", { must: [field("thickness", { range: { lt: 0 } })] }, [10]],
  ["range: over integers", { must: [field("frame", { range: { gt: 2.5 } })] }, [5, 6, 9, 10]],
  ["range: an impossible one", { must: [field("thickness", { range: { gt: 5, lt: 1 } })] }, []],
  ["range: must_not keeps points without the field", { must_not: [field("thickness", { range: { gte: -100 } })] }, [9]],
  ["datetime range: a day", { must: [field("date", { range: { gte: "2021-06-30", lt: "2021-07-01" } })] }, [3, 4]],
  [
    "datetime range: to the second",
    { must: [field("date", { range: { gt: "2020-03-01T08:29:59Z", lte: "2021-06-30T12:30:00Z" } })] },
    [2, 3],
  ],
  [
    "datetime range: with an offset",
    { must: [field("date", { range: { gte: "2020-01-15T01:00:00+01:00", lte: "2020-01-15T01:00:00+01:00" } })] },
    [1],
  ],
  ["has_id: numbers and UUIDs", { must: [{ has_id: [2, 5, UUID_A] }] }, [2, 5, UUID_A]],
  [
    "has_id: ids that are not there match nothing",
    { must: [{ has_id: [999, "33333333-3333-4333-8333-333333333333"] }] },
    [],
  ],
  ["has_id: under must_not", { must_not: [{ has_id: [1, 2, 3, UUID_B] }] }, but(1, 2, 3, UUID_B)],
  [
    "is_empty: missing, null and the empty list",
    { must: [{ is_empty: { key: "label" } }] },
    [1, 2, 3, 6, 9, 10, UUID_A, UUID_B],
  ],
  ["is_empty: under must_not", { must_not: [{ is_empty: { key: "label" } }] }, [4, 5, 7, 8]],
  ["is_null: null alone", { must: [{ is_null: { key: "label" } }] }, [3]],
  ["a field's is_empty", { must: [field("tags", { is_empty: true }), is("modality", "CT")] }, [3, 10, UUID_B]],
  ["a field's is_null", { must: [field("label", { is_null: true })] }, [3]],
  ["values_count: of a list", { must: [field("tags", { values_count: { gte: 2 } })] }, [1]],
  ["values_count: a single value is one", { must: [field("label", { values_count: { gte: 1, lt: 2 } })] }, [4, 5, 7]],
  [
    "nested: conditions on one and the same element",
    {
      must: [
        {
          nested: { key: "findings", filter: { must: [is("name", "nodule"), field("sizeMm", { range: { gt: 10 } })] } },
        },
      ],
    },
    [2],
  ],
  [
    "without nested, each condition may hold for another element",
    { must: [is("findings[].name", "nodule"), field("findings[].sizeMm", { range: { gt: 10 } })] },
    [1, 2],
  ],
  [
    "nested: must_not within an element",
    {
      must: [
        {
          nested: {
            key: "findings",
            filter: { must: [field("sizeMm", { range: { gt: 10 } })], must_not: [is("name", "nodule")] },
          },
        },
      ],
    },
    [1],
  ],
  [
    "nested: inside should",
    { should: [is("modality", "PT"), { nested: { key: "findings", filter: { must: [is("name", "cyst")] } } }] },
    [1, 7, 8, 9],
  ],
  [
    "has_vector: a sparse vector that half the points have",
    { must: [{ has_vector: "text" }] },
    [1, 3, 5, 7, 9, UUID_A],
  ],
  ["has_vector: one that all have", { must: [{ has_vector: "hash" }] }, ALL_IDS],
  [
    "geo: a radius",
    { must: [field("site", { geo_radius: { center: { lon: 13.4, lat: 52.5 }, radius: 5000 } })] },
    [1, 2],
  ],
  [
    "geo: a box",
    {
      must: [field("site", { geo_bounding_box: { top_left: { lon: 2, lat: 49 }, bottom_right: { lon: 3, lat: 48 } } })],
    },
    [3, 4],
  ],
  [
    "geo: a polygon",
    {
      must: [
        field("site", {
          geo_polygon: {
            exterior: {
              points: [
                { lon: 12, lat: 52 },
                { lon: 15, lat: 52 },
                { lon: 15, lat: 53 },
                { lon: 12, lat: 53 },
                { lon: 12, lat: 52 },
              ],
            },
          },
        }),
      ],
    },
    [1, 2],
  ],
];

/** Each row, by scrolling, by counting and by a query: they must agree. */
export const FILTER_CASES: readonly Case[] = ROWS.map(([title, filter, expected]) => ({
  title: `filter: ${title}`,
  run: async ({ client, collection }) => {
    const { points } = await client.scroll(collection, { filter, limit: 100 });
    assert.deepEqual(sorted(points.map((point) => point.id)), sorted(expected), "scroll");
    const { count } = await client.count(collection, { filter, exact: true });
    assert.equal(count, expected.length, "count");
    const found = await client.query(collection, { query: [1, 0, 0, 0], using: "features", filter, limit: 100 });
    assert.deepEqual(sorted(found.points.map((point) => point.id)), sorted(expected), "query");
  },
}));
