"""A run that was stopped and gone on with ends where an unbroken one ends, and refuses to become another run."""

import tempfile
import unittest
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from dafh_training.foreign import ForeignScore
from dafh_training.inputs import LabelledInputs
from dafh_training.network import FROZEN_OUTPUTS, NetworkParts
from dafh_training.objective import LossParts
from dafh_training.published import PUBLISHED
from dafh_training.trainer import TrainingSettings, check_settings, train_stages
from dafh_training.views import Views

torch.set_num_threads(1)  # the tensors are small: threads would only wait for each other
SETTINGS = TrainingSettings(seed=3, epochs=3, batch=8, views=1)
SIDE = 32


def generated() -> tuple[LabelledInputs, Views]:
    """Three classes of maps around a centre each, and a second view with noise."""
    random = np.random.default_rng(0)
    numbers = np.arange(36) % 3
    inputs = LabelledInputs(
        tensors=np.zeros((36, 1, SIDE, SIDE), np.float32),
        labels=np.array(["CT/a", "MR/b", "PT/c"])[numbers],
        splits=np.array(["train"] * 24 + ["val"] * 12),
        groups=np.array([str(index // 2) for index in range(36)]),
        pixels_version="test",
    )
    maps = []
    for channels, stride in FROZEN_OUTPUTS.values():
        shape = (channels, SIDE // stride, SIDE // stride)
        plain = random.normal(size=(3, *shape))[numbers] + random.normal(size=(36, *shape))
        maps.append(np.stack([plain, plain + random.normal(size=plain.shape)]).astype(np.float16))
    return inputs, Views(maps)


class Resuming(unittest.TestCase):
    def run_stages(self, run: Path, settings: TrainingSettings, stop_after: int | None = None) -> dict[str, torch.Tensor]:
        inputs, views = generated()
        run.mkdir(exist_ok=True)

        def on_epoch(line: dict[str, object]) -> None:
            if line["epoch"] == stop_after:
                raise KeyboardInterrupt

        return train_stages(inputs, views, run, settings, "cpu", on_epoch).state_dict()

    def test_a_stopped_run_ends_as_an_unbroken_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            unbroken = self.run_stages(Path(folder, "a"), SETTINGS)
            run = Path(folder, "b")
            with self.assertRaises(KeyboardInterrupt):
                self.run_stages(run, SETTINGS, stop_after=2)
            torch.rand(17)  # whatever happened in between
            resumed = self.run_stages(run, SETTINGS)
        for name, tensor in unbroken.items():
            self.assertTrue(torch.equal(tensor, resumed[name]), name)

    def test_another_seed_gives_other_weights(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            one = self.run_stages(Path(folder, "a"), SETTINGS)
            other = self.run_stages(Path(folder, "b"), replace(SETTINGS, seed=4))
        name = "fusion.projections.0.weight"
        self.assertFalse(torch.equal(one[name], other[name]))

    def test_stages_before_the_first_trained_one_stay_as_they_were(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            less = self.run_stages(Path(folder, "a"), replace(SETTINGS, first_trained_stage=5))
            more = self.run_stages(Path(folder, "b"), SETTINGS)
        name = "backbone._blocks.8._project_conv.weight"
        frozen = "backbone._blocks.0._project_conv.weight"
        self.assertTrue(torch.equal(less[frozen], more[frozen]))
        self.assertFalse(torch.equal(less[name], more[name]))

    def test_every_part_can_be_taken_away_or_added_and_every_published_loss_trains(self) -> None:
        once = replace(SETTINGS, epochs=1)
        variants = [
            *(replace(once, network=NetworkParts(**{part: not usual})) for part, usual in asdict(NetworkParts()).items()),
            replace(once, loss=LossParts(codes=True)),
            replace(once, loss=LossParts(features=False, codes=True)),
            *(replace(once, objective=name, mixing=0.0) for name in PUBLISHED),
        ]
        for number, settings in enumerate(variants):
            with tempfile.TemporaryDirectory() as folder:
                state = self.run_stages(Path(folder, str(number)), settings)
            self.assertTrue(all(torch.isfinite(tensor).all() for tensor in state.values()), settings)

    def test_a_run_folder_refuses_other_settings(self) -> None:
        inputs, _ = generated()
        with tempfile.TemporaryDirectory() as folder:
            check_settings(Path(folder), SETTINGS, inputs)
            check_settings(Path(folder), SETTINGS, inputs)
            with self.assertRaisesRegex(SystemExit, "dropout"):
                check_settings(Path(folder), replace(SETTINGS, dropout=0.1), inputs)


class Foreign(unittest.TestCase):
    def test_what_is_unlike_the_training_images_scores_above_1_and_calibration_below(self) -> None:
        random = np.random.default_rng(0)
        channels = 40
        base = random.normal(size=(3, 3 * channels))
        known = base[np.arange(600) % 3] + 0.3 * random.normal(size=(600, 3 * channels))
        foreign = ForeignScore(channels, classes=3)
        foreign.fit(known[:400], np.array(["a", "b", "c"])[np.arange(400) % 3], known[400:])
        scores = foreign.score(torch.as_tensor(known[400:], dtype=torch.float32))
        self.assertLess(float((scores > 1).float().mean()), 0.05)
        unlike = foreign.score(torch.as_tensor(random.normal(size=(50, 3 * channels)), dtype=torch.float32))
        self.assertTrue(bool((unlike > 1).all()))


if __name__ == "__main__":
    unittest.main()
