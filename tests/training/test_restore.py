"""Checkpoints made of exported files give the very outputs of the models that were exported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgeseg.engines.nano.word_vectors import WordVectors
from training.nano.detector import Detector
from training.nano.export import averaged, export_detector, export_segmenter
from training.nano.restore import STEPS, restore_detector, restore_segmenter
from training.nano.segmenter import Segmenter
from training.nano.train_detector import DetectorTrainer
from training.nano.train_segmenter import MaskBatch, SegmenterTrainer

# The tracing exporter fits these small networks; its successor needs another package.
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
]

# On matrices this small, threads only wait for each other.
torch.set_num_threads(1)


@torch.no_grad()
def _perturb(model: nn.Module) -> None:
    """Move every number, so that no two tensors are alike and each batch norm has an effect."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * (0.1 if parameter.ndim < 2 else 0.02))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    model.eval()


def _assert_close(restored: Tensor, wanted: Tensor) -> None:
    """Alike but for the half precision of the file, relative to the spread."""
    assert (restored - wanted).abs().max() < 1e-2 * wanted.abs().max()


def _mask_batch(size: int) -> MaskBatch:
    """Two canvases of noise with one square object each."""
    masks = torch.zeros(2, 1, size, size, dtype=torch.uint8)
    masks[..., 20:60, 20:60] = 1
    boxes = torch.tensor([20.0, 20.0, 60.0, 60.0]).expand(2, 1, 4)
    images = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8)
    return MaskBatch(images.contiguous(memory_format=torch.channels_last), masks, boxes)


def test_restored_segmenter_is_the_exported_one(tmp_path: Path) -> None:
    """In evaluation; in training, its losses on the batch of the statistics stay near."""
    segmenter = Segmenter()
    _perturb(segmenter)
    export_segmenter(segmenter.state_dict(), tmp_path)
    batch = _mask_batch(96)
    restore_segmenter(tmp_path, tmp_path / "segmenter.pt", [batch])

    trainer = SegmenterTrainer(tmp_path / "segmenter.pt", 1e-3, None)
    assert trainer.steps == STEPS
    images, crops = torch.rand(1, 3, 64, 96), torch.tensor([[8.0, 4.0, 60.0, 50.0]])
    prompt = torch.rand(1, 5, 64, 64)
    with torch.inference_mode():
        for model in (trainer.model.eval(), trainer.ema.model):
            assert isinstance(model, Segmenter)
            maps, wanted = model.encoder(images), segmenter.encoder(images)
            for got, true in zip(maps, wanted, strict=True):
                _assert_close(got, true)
            got, quality = model.decode(maps, images, crops, prompt)
            true, true_quality = segmenter.decode(wanted, images, crops, prompt)
            _assert_close(got, true)
            _assert_close(quality, true_quality)
        losses = []
        for training in (False, True):
            torch.manual_seed(0)
            trainer.model.train(training)
            losses.append(float(trainer.losses(batch)["mask0"]))
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_restored_detector_is_the_exported_one(tmp_path: Path) -> None:
    """Layers that the levels share are found, and a second run overwrites no checkpoint."""
    detector = Detector(WordVectors.shipped().dim)
    _perturb(detector)
    export_detector(detector.state_dict(), tmp_path, more=0.5)
    batches = [torch.rand(2, 3, 96, 96)]
    restore_detector(tmp_path, tmp_path / "detector.pt", batches)

    trainer = DetectorTrainer(["cat"], tmp_path / "detector.pt", 1e-3)
    state = averaged(tmp_path / "detector.pt", None, 0)
    assert float(state["bias"]) == pytest.approx(float(detector.bias.detach()) + 0.5, abs=1e-4)
    assert float(state["gain"]) == pytest.approx(float(detector.gain.detach()))
    with torch.inference_mode():
        images = torch.rand(1, 3, 64, 96)
        cells, wanted = trainer.detector.eval()(images), detector(images)
    _assert_close(cells.embeddings, wanted.embeddings)
    _assert_close(cells.sides, wanted.sides)
    with pytest.raises(FileExistsError):
        restore_detector(tmp_path, tmp_path / "detector.pt", batches)


def test_files_of_another_network_are_refused(tmp_path: Path) -> None:
    detector = Detector(8)
    export_detector(detector.state_dict(), tmp_path)
    with pytest.raises(ValueError, match="the file has"):
        restore_detector(tmp_path, tmp_path / "detector.pt", [])
    assert not (tmp_path / "detector.pt").exists()
