"""The expected AP@10 against the mean over many shuffles of the ties, and cases that can be counted by hand."""

import unittest

import numpy as np

from dafh_training.metrics import code_health, expected_average_precision, hamming_distances, kept_neighbours, retrieval_score


def average_precision(hits: np.ndarray) -> float:
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precisions * hits).sum() / hits.sum()) if hits.any() else 0.0


class ExpectedAveragePrecision(unittest.TestCase):
    def test_is_the_mean_over_the_orders_of_ties(self) -> None:
        random = np.random.default_rng(1)
        for levels in (2, 4, 8):
            distances, relevant = random.integers(0, levels, 40), random.random(40) < 0.3
            shuffled = [
                average_precision(relevant[np.lexsort((random.random(40), distances))[:10]]) for _ in range(8000)
            ]
            self.assertAlmostEqual(expected_average_precision(distances, relevant), float(np.mean(shuffled)), delta=0.01)

    def test_counts_what_has_no_ties_exactly(self) -> None:
        relevant = np.array([True, False, True] + [False] * 9)
        self.assertAlmostEqual(expected_average_precision(np.arange(12), relevant), (1 + 2 / 3) / 2)

    def test_is_0_without_a_hit_and_1_with_nothing_else(self) -> None:
        self.assertEqual(expected_average_precision(np.zeros(30), np.zeros(30, bool)), 0.0)
        self.assertAlmostEqual(expected_average_precision(np.zeros(30), np.ones(30, bool)), 1.0)

    def test_takes_a_database_of_fewer_than_ten(self) -> None:
        self.assertAlmostEqual(expected_average_precision(np.array([1, 0]), np.array([True, False])), 0.5)


class Scores(unittest.TestCase):
    def test_macro_leaves_out_classes_with_few_queries(self) -> None:
        labels = np.array(["common"] * 12 + ["rare"] * 3)
        distances = np.array([[0 if label == "common" else 1 for label in labels]] * 15)
        score = retrieval_score(distances, labels, labels)
        self.assertEqual(score.macro, score.per_class["common"])
        self.assertLess(score.micro, score.macro)

    def test_a_bit_is_set_above_0_only(self) -> None:
        distances = hamming_distances(np.array([[0.0, 1.0, -1.0]]), np.array([[-2.0, 0.5, 3.0]]), 3)
        self.assertEqual(distances.tolist(), [[1]])

    def test_neighbours_are_kept_by_as_much_of_a_tie_as_there_is_room_for(self) -> None:
        by_features = np.arange(40.0)[None]  # the ten nearest are the first ten
        by_code = np.array([[0] * 5 + [3] * 5 + [1] * 10 + [3] * 20])
        # Room for 20: five at 0, ten at 1, and five of the 25 at 3, among which five of the nearest are.
        self.assertAlmostEqual(kept_neighbours(by_code, by_features, candidates=20), (5 + 5 * 5 / 25) / 10)
        self.assertEqual(kept_neighbours(by_code, by_features, candidates=40), 1.0)

    def test_code_health_sees_a_copied_bit(self) -> None:
        bit = np.array([1.0, -1.0, 1.0, -1.0])
        health = code_health(np.stack([bit, -bit, np.array([1.0, 1.0, 1.0, -1.0])], axis=1))
        self.assertEqual(health["largestCorrelation"], 1.0)
        self.assertEqual((health["leastOnes"], health["mostOnes"]), (0.5, 0.75))


if __name__ == "__main__":
    unittest.main()
