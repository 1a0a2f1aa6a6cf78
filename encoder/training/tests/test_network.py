"""The attention map is what it says: the places' parts of the features' own length, none left out."""

import unittest

import torch
from torch.nn import functional

from dafh_training.attribution import fused_places
from dafh_training.backbone import EfficientNetLite0
from dafh_training.network import FROZEN_OUTPUTS, NetworkParts, NetworkShape, TrainedStages

torch.set_num_threads(1)
SIDE = 96


def random_maps(images: int) -> list[torch.Tensor]:
    return [torch.rand(images, channels, SIDE // stride, SIDE // stride) for channels, stride in FROZEN_OUTPUTS.values()]


def with_random_statistics(parts: NetworkParts) -> TrainedStages:
    trained = TrainedStages(EfficientNetLite0(), NetworkShape(), parts, dropout=0.3)
    norms = [scale.standardise for scale in trained.scales] + [trained.head.feature_norm]
    for norm in norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    torch.nn.init.uniform_(trained.head.feature_norm.weight, 0.5, 2)
    return trained.eval()


class Attribution(unittest.TestCase):
    def test_contributions_add_up_to_the_length_of_the_features(self) -> None:
        torch.manual_seed(0)
        for parts in (NetworkParts(), NetworkParts(channel_attention=True, spatial_attention=True), NetworkParts(fusion=False)):
            trained = with_random_statistics(parts)
            with torch.inference_mode():
                maps = trained.scale_maps(*random_maps(3))
                fused, shares = trained.fused(maps)
                _, features = trained.head(fused)
                places = trained.contributions(maps, shares, features)
                # What no place contributes: the biases of projections and norm.
                norm = trained.head.feature_norm
                biases = sum(shares[:, [index]] * each.bias for index, each in enumerate(trained.fusion.projections))
                constant = norm(biases)
                expected = ((features - constant) * functional.normalize(features)).sum(1)
            found = sum(each.sum((1, 2)) for each in places)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_grids_of_unlike_sizes_are_added_by_area_and_brought_to_a_maximum_of_1(self) -> None:
        coarse = torch.tensor([[[4.0, 0.0], [0.0, 0.0]]])
        fine = torch.zeros(1, 8, 8)
        fine[0, 7, 7] = -9.0
        fused = fused_places([coarse, fine], torch.Size([4, 4]))
        self.assertEqual(fused.shape, (1, 4, 4))
        self.assertEqual(float(fused.max()), 1.0)
        self.assertEqual(float(fused[0, 0, 0]), 1.0)
        self.assertEqual(float(fused[0, 3, 3]), 0.0)


if __name__ == "__main__":
    unittest.main()
