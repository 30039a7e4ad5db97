"""Export the network of the shipped pack: ``python -m training.fpseg.export_street street.pt``."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from edgeseg.classes import SUFFIX, ClassPack, PackClass
from edgeseg.classes.store import SHIPPED as PACKS
from edgeseg.engines.base import ClassBase
from training.fpseg.street import WIDTH, ClassNet
from training.fpseg.train_street import CLASSES
from training.nano.export import export
from training.nano.restore import SHIPPED, read_tensors

ENCODER = "nano-street"
COLOURS = {
    "sky": (128, 160, 220),
    "building": (150, 70, 60),
    "pole": (200, 200, 140),
    "road": (128, 64, 128),
    "pavement": (230, 130, 200),
    "tree": (90, 140, 50),
    "sign": (240, 200, 40),
    "fence": (110, 120, 170),
    "car": (40, 90, 230),
    "pedestrian": (230, 30, 60),
    "bicyclist": (0, 180, 190),
}


class ExportEncoder(nn.Module):
    """(1, 3, H, W) in [0, 1] -> the three maps."""

    def __init__(self, net: ClassNet) -> None:
        super().__init__()
        self.encoder = net.encoder

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.encoder(image)


class ExportDecoder(nn.Module):
    """Maps of a photo and (N, T, 96) prompts -> (N, h, w) logits."""

    def __init__(self, net: ClassNet) -> None:
        super().__init__()
        self.decoder, self.places, self.no_mask = net.decoder, net.places, net.no_mask

    def forward(
        self, image: Tensor, middle: Tensor, fine: Tensor, prompts: Tensor
    ) -> tuple[Tensor]:
        places = self.places.grid(image.shape[2], image.shape[3])
        image = image + self.no_mask[:, None, None]
        return (self.decoder(image, places, prompts, (middle, fine)),)


def read_decoder(path: Path) -> ExportDecoder:
    """Return the decoder of classes_decoder.onnx, with the weights of the file."""
    module = ExportDecoder(ClassNet(1))
    tensors = read_tensors(onnx.load(str(path)))
    module.load_state_dict({name: tensors[name] for name in module.state_dict()})
    return module.eval()


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return 16 hexadecimal digits that tell weights apart, whatever file they are in."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode())
        digest.update(value.detach().float().half().numpy().tobytes())
    return digest.hexdigest()[:16]


def export_networks(net: ClassNet, out: Path) -> ClassBase:
    """Write classes_encoder.onnx and classes_decoder.onnx; return what prompts are tuned with."""
    state = net.state_dict()
    encoder = {name: value for name, value in state.items() if name.startswith("encoder.")}
    decoder = {name: state[name] for name in state if name not in encoder and name != "prompts"}
    base = ClassBase(ENCODER, fingerprint(encoder), fingerprint(decoder), WIDTH)
    image = torch.rand(1, 3, 256, 320)
    maps = ("image", "middle", "fine")
    plane = {name: {2: f"{name}_h", 3: f"{name}_w"} for name in maps}
    export(
        ExportEncoder(net),
        {"image": image},
        ["embedding", "middle", "fine"],
        {"image": {2: "height", 3: "width"}, "embedding": plane["image"], **plane},
        out / "classes_encoder.onnx",
        {"fingerprint": base.encoder_fingerprint},
    )
    with torch.inference_mode():
        made = dict(zip(maps, (each.clone() for each in net.encoder(image)), strict=True))
    export(
        ExportDecoder(net),
        {**made, "prompts": net.prompts.detach()[:3].clone()},
        ["logits"],
        {**plane, "prompts": {0: "classes", 1: "tokens"}, "logits": {0: "classes"}},
        out / "classes_decoder.onnx",
        {"fingerprint": base.decoder_fingerprint, "encoder": ENCODER, "width": str(WIDTH)},
        fold=False,
    )
    return base


def figures_of(path: Path | None) -> dict[str, float]:
    """Return the figures that a pack keeps of its evaluation: those that depend on no machine."""
    if path is None:
        return {}
    found = json.loads(path.read_text("utf-8"))
    per_class = {f"iou {name}": value for name, value in found["per_class"].items()}
    return {"miou": found["miou"], "images": found["images"], **per_class}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--packs", type=Path, default=PACKS)
    parser.add_argument(
        "--figures", type=Path, help="what edgeseg evaluate classes --json wrote of this export"
    )
    args = parser.parse_args()
    state = torch.load(args.checkpoint, weights_only=True)["ema"]
    net = ClassNet(len(CLASSES)).eval()
    net.load_state_dict(state)
    base = export_networks(net, args.weights)
    prompts = net.prompts.detach().numpy()
    rows = zip(CLASSES, prompts, strict=True)
    classes = tuple(PackClass(name, prompt.copy(), COLOURS[name]) for name, prompt in rows)
    args.packs.mkdir(parents=True, exist_ok=True)
    pack = ClassPack("street", classes, base, 0.0, figures_of(args.figures))
    pack.save(args.packs / f"street{SUFFIX}")


if __name__ == "__main__":
    main()
