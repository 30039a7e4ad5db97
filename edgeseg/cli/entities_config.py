"""The YAML file of ``edgeseg entities``: checked whole, and less than flags and the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import parse
from edgeseg.schemas.wire import Unit

Dtype = Literal["auto", "float32", "float16", "bfloat16"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class _TextParser(_Section):
    model_name: str | None = None
    dtype: Dtype | None = None
    device_map: str | None = None


class _SegmentationModel(_Section):
    model_name: str | None = None
    dtype: Dtype | None = None
    device: str | None = None


class _Dino(_Section):
    model_name: str | None = None
    device: str | None = None


class _Models(_Section):
    text_parser: _TextParser = _TextParser()
    segmentation: _SegmentationModel = _SegmentationModel()
    dino: _Dino = _Dino()


class _Thresholds(_Section):
    threshold: Unit | None = None
    mask_threshold: float | None = Field(None, gt=0, lt=1)


class _Pairing(_Section):
    threshold: Unit | None = None


class _EntityFilter(_Section):
    excluded_terms: list[str] = []


class _Output(_Section):
    box_format: Literal["xyxy"] = "xyxy"
    coordinate_unit: Literal["pixels"] = "pixels"
    save_visualizations: bool | None = None
    visualization_dir: str | None = None


class _Device(_Section):
    cuda_device: int | None = Field(None, ge=0)
    use_flash_attention: bool | None = None


class Config(_Section):
    """What the file may say; everything in it may be left out."""

    models: _Models = _Models()
    segmentation: _Thresholds = _Thresholds()
    pairing: _Pairing = _Pairing()
    entity_filter: _EntityFilter = _EntityFilter()
    output: _Output = _Output()
    device: _Device = _Device()

    def device_name(self) -> str | None:
        """Return the device that the file asks for, if any; there is one for all engines."""
        if self.models.segmentation.device:
            return self.models.segmentation.device
        return None if self.device.cuda_device is None else f"cuda:{self.device.cuda_device}"


def read_config(path: Path | None) -> Config:
    """Read the file; no path is an empty one.

    Raises InvalidParameterError for a file that is not there, is no YAML, or holds a key or value
    that is not known, which it names.
    """
    if path is None:
        return Config()
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidParameterError(f"--config: there is no file {path}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise InvalidParameterError(f"--config: {path} is no YAML in UTF-8: {why}.") from None
    if data is not None and not isinstance(data, dict):
        raise InvalidParameterError(f"--config: {path} holds no keys; see docs/entities.md.")
    try:
        return parse(Config, {str(key): value for key, value in (data or {}).items()})
    except InvalidParameterError as error:
        raise InvalidParameterError(f"--config: {path}: {error.detail}") from None
