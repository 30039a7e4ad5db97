"""The network of the shipped pack: trained a little, exported, and read by the engine."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from edgeseg.classes import ClassPack, PackStore, decode
from edgeseg.codecs import rle_to_mask
from edgeseg.engines.nano import classes as nano_classes
from edgeseg.engines.nano import onnx_session
from edgeseg.engines.onnx import open_session
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation import label_maps
from edgeseg.types import Image
from training.fpseg import add_class, export_street, train_street
from training.fpseg.crops import Crops
from training.fpseg.street import ClassNet

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tar of four photos, bright above and dark below, as sky and road."""
    path = tmp_path / "data.tar"
    rng = np.random.default_rng(0)
    with tarfile.open(path, "w") as tar:
        for number in range(4):
            labels = np.full((60, 80), 3, np.uint8)
            labels[: 20 + 5 * number] = 0
            labels[:, :4] = 11
            shade = np.where(labels[..., None] == 0, 220, 60)
            rgb = (shade + rng.integers(-9, 9, (60, 80, 3))).astype(np.uint8)
            for name, pixels in ((f"{number}.webp", rgb), (f"{number}.png", labels)):
                out = io.BytesIO()
                PIL.Image.fromarray(pixels).save(out, name.partition(".")[2], lossless=True)
                info = tarfile.TarInfo(name)
                info.size = out.tell()
                tar.addfile(info, io.BytesIO(out.getvalue()))
    return path


def test_views_show_photo_and_labels_alike(data: Path) -> None:
    photos = list(label_maps.read([data], 11))
    assert [each.name for each in photos] == ["0", "1", "2", "3"]
    assert set(np.unique(photos[0].labels)) == {0, 3, 255}
    batch = next(iter(Crops(photos, (32, 48), (0.5, 2.0), 3)))
    assert batch.images.shape == (3, 3, 32, 48)
    bright = batch.images.mean(1)
    for row in range(3):
        sky, road = bright[row][batch.labels[row] == 0], bright[row][batch.labels[row] == 3]
        if len(sky) > 20 and len(road) > 20:
            assert sky.median() > road.median()
    assert set(np.unique(batch.labels.numpy())) <= {0, 3, 255}


def test_it_trains_and_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(train_street, "CROP_HW", (64, 64))
    monkeypatch.setattr(train_street, "INPUT_HW", (64, 96))
    photos = list(label_maps.read([data], 11))
    weights = train_street.class_weights(photos, 11)
    assert weights[0] == pytest.approx(weights[3], rel=0.5)
    trainer = train_street.StreetTrainer(tmp_path / "street.pt", 2e-3, weights)
    batches = iter(Crops(photos, (64, 64), (0.8, 1.2), 2))
    train_street.begin(trainer, batches)
    batch = next(batches)
    losses = [sum(trainer.step(batch, 0.0).values()) for _ in range(8)]
    assert losses[-1] < losses[0]
    trainer.save()
    again = train_street.StreetTrainer(tmp_path / "street.pt", 2e-3, weights)
    assert again.steps == trainer.steps
    table = train_street.confusion(again.net.eval(), photos, 11)
    assert table.sum() == 4 * 60 * 76


def test_what_is_exported_is_what_the_engine_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = ClassNet(3).eval()
    base = export_street.export_networks(net, tmp_path)

    class Network(onnx_session.Network):
        def __init__(self, name: str, threads: int | None = None) -> None:
            self._session = open_session(tmp_path / f"{name}.onnx", 1)
            self.metadata = self._session.get_modelmeta().custom_metadata_map

    monkeypatch.setattr(nano_classes, "Network", Network)
    # So that the photo is neither scaled nor padded.
    monkeypatch.setattr(nano_classes, "INPUT_AREA_PX", 384 * 288)
    engine = nano_classes.NanoClassSegmenter()
    assert engine.base == base
    rgb = np.random.default_rng(0).integers(0, 256, (288, 384, 3)).astype(np.uint8)
    made = engine.decode_classes(engine.embed(Image(rgb, "x")), net.prompts.detach().numpy().copy())
    with torch.inference_mode():
        pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        expected = net(pixels)[0].numpy()
    np.testing.assert_allclose(made.logits, expected, atol=0.02 * np.abs(expected).max())
    assert made.window_xyxy.tolist() == [0, 0, 384, 288]


def test_a_class_is_added_and_the_others_stay_as_they_are(data: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    out = tmp_path / "dark.safetensors"
    call = ["--data", str(data), "--classes", "dark=3", "--not-counted", "11", "--steps", "60"]
    add_class.main([*call, "--out", str(out)])
    street = PackStore().get("street")
    city = street.merged(ClassPack.load(out))
    assert city.names == (*street.names, "dark")
    for old, new in zip(street.classes, city.classes, strict=False):
        assert np.array_equal(old.prompt, new.prompt)
    engine = nano_classes.NanoClassSegmenter(1)
    photo = next(label_maps.read([data], 11))
    embedding = engine.embed(Image(photo.rgb, "x"))
    decoded = decode(engine, embedding, city, city.take(["dark"]), 0.5)
    dark = rle_to_mask(decoded.masks[0])
    assert dark[photo.labels == 3].mean() > dark[photo.labels == 0].mean() + 0.3
    with pytest.raises(InvalidParameterError, match="name of a new"):
        add_class.main([*call, "--out", str(out)])


def test_a_fingerprint_tells_weights_apart() -> None:
    weights = {"a": torch.ones(2, 3), "b": torch.zeros(1)}
    print_of = export_street.fingerprint
    assert print_of(weights) == print_of({"b": torch.zeros(1), "a": torch.ones(2, 3)})
    assert print_of(weights) != print_of({**weights, "b": torch.ones(1)})
    assert print_of(weights) != print_of({"a": torch.ones(2, 3), "c": torch.zeros(1)})


def test_the_shipped_pack_fits_the_shipped_engine() -> None:
    engine = nano_classes.NanoClassSegmenter(1)
    path = Path(nano_classes.__file__).parents[2] / "classes" / "packs" / "street.safetensors"
    assert ClassPack.load(path).base == engine.base
    engine.close()
