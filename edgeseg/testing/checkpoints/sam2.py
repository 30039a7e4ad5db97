"""SAM 2.1 with random weights, as its authors save it."""

from __future__ import annotations

from pathlib import Path

from edgeseg.engines.torch.torchvision_ops import make_importable

_SMALL = {
    "image_size": 128,
    "image_encoder.trunk.embed_dim": 16,
    "image_encoder.trunk.stages": [1, 1, 2, 1],
    "image_encoder.trunk.global_att_blocks": [3],
    "image_encoder.neck.backbone_channel_list": [128, 64, 32, 16],
    "memory_attention.num_layers": 1,
}


def write(folder: Path, config: str = "sam2.1_hiera_t", small: bool = True) -> None:
    """Write ``model.pt`` into ``folder``, and with ``small`` the ``model.yaml`` of a tiny one."""
    make_importable()
    import sam2  # noqa: F401  (its import tells hydra where the configurations are)
    import torch
    from hydra import compose
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    described = compose(f"configs/sam2.1/{config}.yaml")
    if small:
        for name, value in _SMALL.items():
            OmegaConf.update(described, f"model.{name}", value, merge=False)
        OmegaConf.save(described, folder / "model.yaml")
    model = instantiate(described.model, _recursive_=True)
    torch.save({"model": model.state_dict()}, folder / "model.pt")
