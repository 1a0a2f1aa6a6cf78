/** The contract of groups. */
import assert from "node:assert/strict";
import { ALL_ONES, byCode, type Case, featuresOf, HAMMING, UUID_A, UUID_B } from "./fixture.js";

export const GROUP_CASES: readonly Case[] = [
  {
    title: "groups: the best groups, each with its best hits",
    run: async ({ client, collection }) => {
      const { groups } = await client.queryGroups(collection, { ...byCode(3), group_by: "series", group_size: 2 });
      assert.deepEqual(
        groups.map((group) => [group.id, group.hits.map((hit) => hit.id)]),
        [
          ["s1", [1, 2]],
          ["s2", [3]],
          ["s3", [4, 5]],
        ],
      );
    },
  },
  {
    title: "groups: by an integer field, with payload, over two stages",
    run: async ({ client, collection }) => {
      const { groups } = await client.queryGroups(collection, {
        prefetch: byCode(6),
        query: featuresOf(0),
        using: "features",
        group_by: "study",
        group_size: 1,
        limit: 2,
        with_payload: ["modality"],
      });
      assert.deepEqual(
        groups.map((group) => [group.id, group.hits.map((hit) => hit.id)]),
        [
          [100, [1]],
          [200, [3]],
        ],
      );
      assert.deepEqual(groups[0]?.hits[0]?.payload, { modality: "CT" });
    },
  },
  {
    title: "groups: a point of several values stands in each of its groups",
    run: async ({ client, collection }) => {
      const { groups } = await client.queryGroups(collection, { ...byCode(10), group_by: "label", group_size: 5 });
      const found = Object.fromEntries(groups.map((group) => [group.id, group.hits.map((hit) => hit.id)]));
      assert.deepEqual(found, { tumour: [4, 5, 8], benign: [7, 8] });
    },
  },
  {
    title: "groups: a filter narrows them",
    run: async ({ client, collection }) => {
      const filter = { must: [{ key: "modality", match: { value: "PT" } }] };
      const { groups } = await client.queryGroups(collection, {
        ...byCode(10),
        filter,
        group_by: "region",
        group_size: 10,
      });
      assert.deepEqual(
        groups.map((group) => [group.id, group.hits.map((hit) => hit.id)]),
        [
          ["BODY", [7]],
          ["CHEST", [8, 9]],
        ],
      );
    },
  },
  {
    title: "groups: over few candidates, further ones are fetched to fill them, and the best of all come out",
    run: async ({ client, collection }) => {
      const { groups } = await client.queryGroups(collection, {
        prefetch: byCode(2),
        query: featuresOf(11),
        using: "features",
        group_by: "modality",
        group_size: 1,
      });
      assert.deepEqual(
        groups.map((group) => [group.id, group.hits.map((hit) => hit.id)]),
        [
          ["CT", [UUID_B]],
          ["MR", [UUID_A]],
          ["PT", [9]],
        ],
      );
    },
  },
  {
    title: "groups: ordered by a field, with the value",
    run: async ({ client, collection }) => {
      const order_by = { key: "thickness", direction: "desc" as const };
      const { groups } = await client.queryGroups(collection, {
        query: { order_by },
        group_by: "modality",
        group_size: 1,
      });
      assert.deepEqual(
        groups.map((group) => [group.id, group.hits.map((hit) => hit.order_value)]),
        [
          ["CT", [10]],
          ["MR", [6]],
          ["PT", [3.27]],
        ],
      );
    },
  },
  {
    title: "groups: ten groups of three unless told",
    run: async ({ client, collection }) => {
      const { groups } = await client.queryGroups(collection, {
        query: ALL_ONES,
        using: "hash",
        params: HAMMING,
        group_by: "modality",
      });
      assert.deepEqual(
        groups.map((group) => group.hits.length),
        [3, 3, 3],
      );
    },
  },
];
