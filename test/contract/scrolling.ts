/** The contract of going over points: scrolled, counted and tallied. */
import assert from "node:assert/strict";
import { ALL_IDS, type Case, type Id, UUID_A } from "./fixture.js";

const CT = { must: [{ key: "modality", match: { value: "CT" } }] };

export const SCROLL_CASES: readonly Case[] = [
  {
    title: "scroll: pages by offset until there is none left, every point once",
    run: async ({ client, collection }) => {
      const seen: Id[] = [];
      let offset: Id | undefined;
      do {
        const page = await client.scroll(collection, { limit: 5, ...(offset === undefined ? {} : { offset }) });
        assert.ok(page.points.length <= 5);
        seen.push(...page.points.map((one) => one.id));
        offset = (page.next_page_offset ?? undefined) as Id | undefined;
      } while (offset !== undefined);
      assert.deepEqual(seen, ALL_IDS);
    },
  },
  {
    title: "scroll: ten points with payload and without vectors unless told",
    run: async ({ client, collection }) => {
      const { points, next_page_offset } = await client.scroll(collection, {});
      assert.equal(points.length, 10);
      assert.equal(next_page_offset, UUID_A);
      assert.ok(points.every((one) => one.payload && !one.vector));
    },
  },
  {
    title: "scroll: a last page that is just full has no successor",
    run: async ({ client, collection }) =>
      assert.equal((await client.scroll(collection, { limit: ALL_IDS.length })).next_page_offset ?? null, null),
  },
  {
    title: "scroll: ordered by a field, downwards, with the value",
    run: async ({ client, collection }) => {
      const { points, next_page_offset } = await client.scroll(collection, {
        order_by: { key: "thickness", direction: "desc" },
        limit: 3,
      });
      assert.deepEqual(
        points.map((one) => one.order_value),
        [10, 6, 5],
      );
      assert.equal(next_page_offset ?? null, null);
    },
  },
  {
    title: "scroll: ordered by a date, from a start",
    run: async ({ client, collection }) => {
      const order_by = { key: "date", start_from: "2020-02-01T00:00:00Z" };
      assert.deepEqual(
        (await client.scroll(collection, { order_by, limit: 10 })).points.map((one) => one.id),
        [2, 3, 4],
      );
    },
  },
  {
    title: "scroll: filtered pages hold what the filter lets through",
    run: async ({ client, collection }) => {
      const first = await client.scroll(collection, { filter: CT, limit: 3 });
      assert.deepEqual(
        first.points.map((one) => one.id),
        [1, 2, 3],
      );
      assert.equal(first.next_page_offset, 10);
    },
  },
  {
    title: "count: of all, exact unless told",
    run: async ({ client, collection }) => assert.equal((await client.count(collection, {})).count, ALL_IDS.length),
  },
  {
    title: "facet: the values of a keyword by their number",
    run: async ({ client, collection }) => {
      const { hits } = await client.facet(collection, { key: "modality", exact: true });
      assert.deepEqual(hits, [
        { value: "CT", count: 5 },
        { value: "MR", count: 4 },
        { value: "PT", count: 3 },
      ]);
    },
  },
  {
    title: "facet: limited, filtered, over lists",
    run: async ({ client, collection }) => {
      const limited = await client.facet(collection, { key: "region", limit: 1, exact: true });
      assert.deepEqual(limited.hits, [{ value: "CHEST", count: 4 }]);
      const filtered = await client.facet(collection, {
        key: "label",
        filter: { must: [{ has_id: [4, 8, 9] }] },
        exact: true,
      });
      assert.deepEqual(filtered.hits, [
        { value: "tumour", count: 2 },
        { value: "benign", count: 1 },
      ]);
    },
  },
  {
    title: "facet: integers and booleans keep their type",
    run: async ({ client, collection }) => {
      assert.deepEqual((await client.facet(collection, { key: "study", limit: 1, exact: true })).hits, [
        { value: 400, count: 3 },
      ]);
      assert.deepEqual((await client.facet(collection, { key: "synthetic", exact: true })).hits, [
        { value: true, count: 3 },
        { value: false, count: 2 },
      ]);
    },
  },
];
