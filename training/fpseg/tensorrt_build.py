"""An ONNX file compiled by TensorRT for the GPU that is here."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from edgeseg.errors import EngineError, InputError, InvalidParameterError, NotFoundError
from edgeseg.evaluation.label_maps import PHOTO_SUFFIXES
from edgeseg.evaluation.masks.files import FileStore
from edgeseg.files import write_bytes
from training.common.distributed import World
from training.fpseg import tensorrt_run
from training.fpseg.config import BuildTensorrt
from training.fpseg.data import resized
from training.fpseg.tensorrt_run import import_tensorrt

MIB = 2**20


def build_tensorrt(config: BuildTensorrt, world: World) -> None:
    """Write ``NAME.trt``, the name with what it computes in: ``NAME_fp16.trt``.

    Raises EngineUnavailableError without TensorRT or a GPU, EngineError for an ONNX file that it
    cannot compile.
    """
    if not world.is_first:
        return
    trt = import_tensorrt()
    if not config.onnx_file.is_file():
        raise NotFoundError(f"There is no file {config.onnx_file}; write it with export-onnx.")
    builder = trt.Builder(trt.Logger(trt.Logger.INFO))
    network = _parsed(trt, builder, config.onnx_file)
    options = _options(trt, builder, network, config)
    print(f"{config.onnx_file.name}: compiling, which takes minutes", flush=True)
    made = builder.build_serialized_network(network, options)
    if made is None:
        raise EngineError(f"TensorRT could not compile {config.onnx_file.name}; see its log.")
    config.output_dir.mkdir(parents=True, exist_ok=True)
    target = config.output_dir / f"{config.onnx_file.stem}{_suffix(config)}.trt"
    data = bytes(made)
    write_bytes(target, data)
    print(f"{target}: {len(data) / 1e6:.1f} MB", flush=True)


def _parsed(trt: Any, builder: Any, path: Path) -> Any:
    """Return the network of a file; batches are explicit, as they always are since version 10."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(1 << int(flag) if flag is not None else 0)
    parser = trt.OnnxParser(network, builder.logger)
    if not parser.parse_from_file(str(path)):
        errors = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(f"TensorRT cannot read {path.name}: {errors or 'see its log'}.")
    return network


def _options(trt: Any, builder: Any, network: Any, config: BuildTensorrt) -> Any:
    made = builder.create_builder_config()
    made.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, config.workspace_mib * MIB)
    for wanted, has, flag, name in (
        (config.fp16, builder.platform_has_fast_fp16, trt.BuilderFlag.FP16, "fp16"),
        (config.int8, builder.platform_has_fast_int8, trt.BuilderFlag.INT8, "int8"),
    ):
        if wanted and not has:
            raise InvalidParameterError(f"This GPU has no fast {name}: set {name}: false.")
        if wanted:
            made.set_flag(flag)
    if config.int8:
        made.int8_calibrator = _calibrator(trt, network, config)
    if config.dla_core is not None:
        _use_dla(trt, builder, made, config.dla_core)
    _add_profile(builder, network, made, config)
    return made


def _use_dla(trt: Any, builder: Any, options: Any, core: int) -> None:
    if core >= builder.num_DLA_cores:
        raise InvalidParameterError(
            f"dla_core: this device has {builder.num_DLA_cores} cores for deep learning."
        )
    options.default_device_type = trt.DeviceType.DLA
    options.DLA_core = core
    options.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def _add_profile(builder: Any, network: Any, options: Any, config: BuildTensorrt) -> None:
    """Say how large the inputs are whose size is left open: the prompts of a decoder."""
    profile, is_open = builder.create_optimization_profile(), False
    for index in range(network.num_inputs):
        value = network.get_input(index)
        shape = tuple(value.shape)
        if -1 in shape:
            is_open = True
            sizes = ((count, config.prompt_size, shape[-1]) for count in config.n_classes)
            profile.set_shape(value.name, *sizes)
    if is_open:
        options.add_optimization_profile(profile)


def _calibrator(trt: Any, network: Any, config: BuildTensorrt) -> Any:
    """Return what feeds photos to TensorRT, which reads the ranges of 8-bit numbers from them."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    if len(inputs) != 1 or inputs[0].shape[1] != 3:
        raise InvalidParameterError(
            "int8 is calibrated on photos: build it of the encoder or of the whole model."
        )
    height, width = (int(side) for side in inputs[0].shape[2:])
    photos = read_photos(config.calibration_photos, (height, width), config.calibration_limit)

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        """Gives one photo after the other."""

        def __init__(self) -> None:
            super().__init__()
            self._held: Tensor | None = None

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            photo = next(photos, None)
            if photo is None:
                return None
            self._held = photo.to(tensorrt_run.DEVICE).contiguous()
            return [self._held.data_ptr()]

        def read_calibration_cache(self) -> None:
            # Ranges of an earlier build may be of other photos.
            return None

        def write_calibration_cache(self, data: Any) -> None:
            return None

    return Calibrator()


def read_photos(places: Sequence[Path], size_hw: tuple[int, int], limit: int) -> Iterator[Tensor]:
    """Yield (1, 3, H, W) uint8 photos, stretched; raises InputError where there are none."""
    files = FileStore(places)
    names = files.names(*PHOTO_SUFFIXES, ".png")[:limit]
    if not names:
        raise InputError(f"There is no photo in {', '.join(map(str, places))}.")
    return (_read_photo(files, name, size_hw) for name in names)


def _read_photo(files: FileStore, name: str, size_hw: tuple[int, int]) -> Tensor:
    try:
        opened = PillowImage.open(io.BytesIO(files.read(name) or b"")).convert("RGB")
    except (OSError, ValueError) as error:
        raise InvalidParameterError(f"{name} is not a valid image: {error}.") from error
    rgb = resized(np.asarray(opened), size_hw)
    return torch.from_numpy(np.array(rgb.transpose(2, 0, 1)))[None]


def _suffix(config: BuildTensorrt) -> str:
    parts = [name for name in ("fp16", "int8") if getattr(config, name)]
    if config.dla_core is not None:
        parts.append(f"dla{config.dla_core}")
    return "".join(f"_{part}" for part in parts)
