"""Codes keep what they are for: classes apart in the first bits, the nearest by features near in the others."""

import unittest

import numpy as np
import torch

from dafh_training.codes import CodeObjective, CodeParts, balance, class_codes, fit_codes, hashes_of
from dafh_training.metrics import code_health, cosine_distances, hamming_distances, kept_neighbours, retrieval_score
from dafh_training.network import HashingHead, NetworkParts, NetworkShape

torch.set_num_threads(1)
CLASSES = 6
SHAPE = NetworkShape()


def generated(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features around a centre for each class, spread within it along a few directions that the class has for itself."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, SHAPE.feature_size))
    spreads = np.random.default_rng(1).normal(size=(CLASSES, 8, SHAPE.feature_size))
    draw = np.random.default_rng(seed)
    numbers = np.arange(images) % CLASSES
    within = np.einsum("ns,nsd->nd", draw.normal(size=(images, 8)), spreads[numbers]) / 8
    return (centres[numbers] + within).astype(np.float32), numbers


def fitted(features: np.ndarray, numbers: np.ndarray) -> HashingHead:
    torch.manual_seed(0)
    head = HashingHead(SHAPE, NetworkParts())
    targets = torch.eye(CLASSES)[numbers]
    objective = CodeObjective(SHAPE, np.full(CLASSES, 1 / CLASSES), CodeParts())
    fit_codes(head, features, targets, torch.ones(len(numbers)), objective, seed=0)
    balance(head, hashes_of(head, features), objective.class_bits)
    return head


class Codes(unittest.TestCase):
    def test_first_bits_say_the_class_and_the_others_which_images_are_alike(self) -> None:
        features, numbers = generated(600, seed=2)
        asked, asked_numbers = generated(60, seed=3)
        near = cosine_distances(asked, features)
        head = fitted(features, numbers)
        stored, queries = hashes_of(head, features), hashes_of(head, asked)
        by_class, by_code = (hamming_distances(queries, stored, bits) for bits in (SHAPE.class_bits, SHAPE.hash_bits))
        self.assertGreater(retrieval_score(by_class, asked_numbers, numbers).macro, 0.98)
        # Of 100 images of a class, 40 are taken: by class alone that is what chance keeps.
        self.assertAlmostEqual(kept_neighbours(by_class, near, candidates=40), 0.4, delta=0.1)
        self.assertGreater(kept_neighbours(by_code, near, candidates=40), 0.7)
        health = code_health(stored)
        self.assertGreaterEqual(health["leastOnes"], 0.3)
        self.assertLessEqual(health["mostOnes"], 0.7)

    def test_classes_have_codes_far_from_each_other(self) -> None:
        codes = class_codes(np.full(16, 1 / 16), 16)
        apart = (16 - codes @ codes.T) / 2
        self.assertGreaterEqual(apart[~np.eye(16, dtype=bool)].min(), 6)
        np.testing.assert_array_equal(codes, class_codes(np.full(16, 1 / 16), 16))

    def test_a_single_class_and_no_bits_are_codes_too(self) -> None:
        self.assertEqual(class_codes(np.ones(1), 16).shape, (1, 16))
        self.assertEqual(class_codes(np.ones(3), 0).shape, (3, 0))


if __name__ == "__main__":
    unittest.main()
