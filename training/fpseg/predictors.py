"""Logits of classes on a photo, by torch, onnxruntime, OpenVINO or TensorRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from edgeseg.engines.export.runtime import Run, onnx_run, openvino_run
from edgeseg.engines.fpseg.checkpoint import start_model
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.errors import InvalidParameterError
from training.common.distributed import World
from training.common.precision import autocast
from training.fpseg.config import Evaluate
from training.fpseg.data import LabelledPhotos
from training.fpseg.embeddings import Inputs, open_embeddings
from training.fpseg.figures import Predict
from training.fpseg.tensorrt_run import TensorrtEngine

Embed = Callable[[str], Tensor]
"""(1, C, h, w) float32 of the photo of a key, on the CPU."""


def open_predictor(config: Evaluate, photos: LabelledPhotos, world: World) -> Predict:
    """Open what gives the logits of rows on a photo.

    Raises InvalidParameterError for files of another number of classes, and what opening the
    files raises.
    """
    inputs = Inputs(photos, (0, 0), config.input_px)
    if config.runtime == "tensorrt":
        assert config.trt_file is not None
        return _tensorrt(TensorrtEngine(config.trt_file), inputs)
    model = start_model(
        config.encoder, config.checkpoint, config.n_classes, config.prompt_size, config.input_px
    ).eval()
    if config.runtime == "torch":
        model.to(world.device)
        embed = _stored(config, photos, model) or _torch_embed(model, inputs, config, world)
        return _torch(model, embed, config, world)
    assert config.encoder_file is not None
    assert config.decoder_file is not None
    run = onnx_run if config.runtime == "onnxruntime" else openvino_run
    encode, decode = run(config.encoder_file), run(config.decoder_file)
    embed = _stored(config, photos, model) or _compiled_embed(encode, inputs)
    prompts = model.prompt_encoder.prompt_embeddings.detach().numpy()
    return _compiled(decode, embed, prompts)


def _stored(config: Evaluate, photos: LabelledPhotos, model: FPSeg) -> Embed | None:
    if config.image_embedding_dir is None:
        return None
    store = open_embeddings(
        config.image_embedding_dir, config.split, model.encoder_fingerprint(), photos
    )
    return lambda key: torch.from_numpy(store.read(key)[0])[None].float()


def _torch_embed(model: FPSeg, inputs: Inputs, config: Evaluate, world: World) -> Embed:
    def embed(key: str) -> Tensor:
        with torch.inference_mode(), autocast(world.device, config.precision):
            return model.encode(inputs[key][None].to(world.device))

    return embed


def _torch(model: FPSeg, embed: Embed, config: Evaluate, world: World) -> Predict:
    def predict(key: str, rows: Sequence[int]) -> Tensor:
        embedding = embed(key).to(world.device)
        with torch.inference_mode(), autocast(world.device, config.precision):
            return model.decode(embedding, rows)

    return predict


def _compiled_embed(encode: Run, inputs: Inputs) -> Embed:
    def embed(key: str) -> Tensor:
        (made,) = encode({"image": inputs[key][None].numpy()})
        return torch.from_numpy(made)

    return embed


def _compiled(decode: Run, embed: Embed, prompts: np.ndarray) -> Predict:
    def predict(key: str, rows: Sequence[int]) -> Tensor:
        feed = {"image_embeddings": embed(key).numpy(), "prompts": prompts[list(rows)]}
        (logits,) = decode(feed)
        return torch.from_numpy(logits)

    return predict


def _tensorrt(engine: TensorrtEngine, inputs: Inputs) -> Predict:
    """Masks count as logits of 1 and -1: they tell the pooled figure, and no best class."""

    def predict(key: str, rows: Sequence[int]) -> Tensor:
        (made,) = engine.run(image=inputs[key][None]).values()
        whole = made[0, :, 0]
        if max(rows) >= len(whole):
            raise InvalidParameterError(
                f"The engine has {len(whole)} classes, the data at least {max(rows) + 1}."
            )
        some = whole[list(rows)].float()
        return some * 2 - 1 if made.dtype == torch.bool else some

    return predict
