"""A run that was stopped and gone on with ends where an unbroken one ends, and refuses to become another run."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dafh_training.inputs import LabelledInputs
from dafh_training.network import POOLED_SIZE, NetworkShape
from dafh_training.trainer import TrainingSettings, check_settings, train_head

torch.set_num_threads(1)  # the tensors are small: threads would only wait for each other
SETTINGS = TrainingSettings(seed=3, epochs=4, batch=16, copies=1)


def generated_inputs() -> tuple[LabelledInputs, list[np.ndarray]]:
    """Three classes of vectors around a centre each, and a second copy with noise."""
    random = np.random.default_rng(0)
    numbers = np.arange(90) % 3
    vectors = random.normal(size=(3, POOLED_SIZE))[numbers] + random.normal(size=(90, POOLED_SIZE))
    inputs = LabelledInputs(
        tensors=np.zeros((90, 1, 32, 32), np.float32),
        labels=np.array(["CT/a", "MR/b", "PT/c"])[numbers],
        splits=np.array(["train"] * 60 + ["val"] * 30),
        groups=np.array([str(index // 2) for index in range(90)]),
        pixels_version="test",
    )
    copies = [vectors.astype(np.float32), (vectors + random.normal(size=vectors.shape)).astype(np.float32)]
    return inputs, copies


class Resuming(unittest.TestCase):
    def run_head(self, run: Path, settings: TrainingSettings, stop_after: int | None = None) -> dict[str, torch.Tensor]:
        inputs, copies = generated_inputs()
        run.mkdir(exist_ok=True)

        def on_epoch(line: dict[str, object]) -> None:
            if line["epoch"] == stop_after:
                raise KeyboardInterrupt

        torch.manual_seed(settings.seed)
        return train_head(inputs, copies, run, NetworkShape(), settings, "cpu", on_epoch).state_dict()

    def test_a_stopped_run_ends_as_an_unbroken_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            unbroken = self.run_head(Path(folder, "a"), SETTINGS)
            run = Path(folder, "b")
            with self.assertRaises(KeyboardInterrupt):
                self.run_head(run, SETTINGS, stop_after=2)
            torch.rand(17)  # whatever happened in between
            resumed = self.run_head(run, SETTINGS)
        for name, tensor in unbroken.items():
            self.assertTrue(torch.equal(tensor, resumed[name]), name)

    def test_another_seed_gives_another_head(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            one = self.run_head(Path(folder, "a"), SETTINGS)
            other = self.run_head(Path(folder, "b"), replace(SETTINGS, seed=4))
        self.assertFalse(torch.equal(one["hash_layer.weight"], other["hash_layer.weight"]))

    def test_a_run_folder_refuses_other_settings(self) -> None:
        inputs, _ = generated_inputs()
        with tempfile.TemporaryDirectory() as folder:
            check_settings(Path(folder), SETTINGS, inputs)
            check_settings(Path(folder), SETTINGS, inputs)
            with self.assertRaisesRegex(SystemExit, "dropout"):
                check_settings(Path(folder), replace(SETTINGS, dropout=0.1), inputs)


if __name__ == "__main__":
    unittest.main()
