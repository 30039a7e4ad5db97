"""Configurations in YAML: checked, based on shipped defaults, changed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from edgeseg.errors import InvalidParameterError
from edgeseg.files import write_bytes


class Part(BaseModel):
    """A part of a configuration; names that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Part)


def read_config(
    model: type[Model], shipped: Path, name: str | Path, changes: Sequence[str] = ()
) -> Model:
    """Read a configuration of a folder by its name, or a YAML file, and apply ``KEY=VALUE``.

    A file may inherit: ``base: phase1`` names what its own values are laid over. Values of changes
    are YAML. Raises InvalidParameterError that says which value is wrong and why.
    """
    values = _read(shipped, name)
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign:
            raise InvalidParameterError(f"--set {change}: expected KEY=VALUE.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidParameterError(f"--set {change}: {error}.") from error
        _put(values, key.strip().split("."), value)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'configuration'}: {each['msg']}"
            for each in error.errors()
        )
        raise InvalidParameterError(f"The configuration {name} is wrong: {lines}.") from error


def write_config(config: Part, path: Path) -> None:
    """Write a configuration as YAML."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    write_bytes(path, text.encode())


def _read(shipped: Path, name: str | Path, below: tuple[str, ...] = ()) -> dict[str, Any]:
    own = shipped / f"{name}.yaml"
    path = own if own.is_file() else Path(name)
    if str(path) in below:
        raise InvalidParameterError(f"The configuration {path} is its own base.")
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        known = ", ".join(sorted(each.stem for each in shipped.glob("*.yaml")))
        raise InvalidParameterError(
            f"The configuration {name} cannot be read: {error}. Shipped are: {known}."
        ) from error
    if not isinstance(values, dict):
        raise InvalidParameterError(f"The configuration {name} holds no keys.")
    base = values.pop("base", None)
    if base is None:
        return values
    return _laid_over(_read(shipped, base, (*below, str(path))), values)


def _laid_over(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _laid_over(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inner = values.get(parent)
        values[parent] = values = dict(inner) if isinstance(inner, dict) else {}
    values[last] = value
