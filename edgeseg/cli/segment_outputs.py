"""Where the results of ``edgeseg segment`` go, and which are there already."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image

from edgeseg.cli.inputs import Input
from edgeseg.cli.outputs import check_suffix, check_targets, description_of, save_image
from edgeseg.cli.result_file import STDOUT, EarlierRows, ResultFile
from edgeseg.errors import InvalidParameterError
from edgeseg.result import Segmentation


@dataclass
class Outputs:
    """Where the results of one call go: overlays, masks and JSON, of one image or of several.

    ``request`` stands for the prompt and its options, see `request_hash`.
    """

    out: str | None
    mask: str | None
    json: Path | None
    several: bool
    prompt: str
    request: str = ""
    earlier: EarlierRows | None = None

    def overlay_of(self, each: Input) -> Path | None:
        """Return where an image's overlay goes."""
        return self._target(self.out, f"{each.name}.png")

    def mask_of(self, each: Input) -> Path | None:
        """Return where the PNG of an image's masks goes."""
        return self._target(self.mask, f"{each.name}_mask.png")

    def check(self, inputs: Sequence[Input], overwrite: bool) -> None:
        """Check every target before the work; raises what `check_target` raises."""
        self._check_names()
        targets = [target for each in inputs for target in self._images_of(each)]
        if self.json is not None and self.json != STDOUT:
            targets.append(self.json)
        check_targets(targets, [each.path for each in inputs if each.path is not None], overwrite)

    def read_earlier(self) -> None:
        """Read which images the JSON of an earlier run holds."""
        if self.json is not None:
            self.earlier = EarlierRows(self.json)

    def open_json(self, files: Iterable[str]) -> ResultFile | None:
        """Return the JSON of all images, with the earlier rows of other files than these."""
        if self.json is None:
            return None
        return ResultFile(self.json, self.earlier.without(files) if self.earlier else ())

    def is_done(self, each: Input) -> bool:
        """Say whether an earlier run with this request has written all that is asked for.

        JSON tells the prompt alone.
        """
        if each.path is None:
            # Standard input holds another image each time.
            return False
        targets = self._images_of(each)
        has_images = all(description_of(target) == self.request for target in targets)
        if self.json is None or self.json == STDOUT:
            return bool(targets) and has_images
        has_row = self.earlier is not None and self.earlier.prompts.get(each.shown) == self.prompt
        return has_row and has_images

    def write_images(self, each: Input, result: Segmentation) -> None:
        """Write an image's overlay and mask."""
        overlay, mask = self.overlay_of(each), self.mask_of(each)
        if overlay is not None:
            save_image(result.overlay(), overlay, self.request)
        if mask is not None:
            pil_image = PIL.Image.fromarray(result.segmentation_mask).convert("L")
            save_image(pil_image, mask, self.request)

    def say_kept(self, done: int, total: int, error: BaseException) -> None:
        """Print how far a run came before it was stopped, and how to go on."""
        names = (self.out, self.mask, None if self.json == STDOUT else self.json)
        places = [str(name) for name in names if name is not None]
        if isinstance(error, BrokenPipeError) and not places:
            # A reader that has enough, as head.
            return
        place_note = (
            f" and kept in {', '.join(places)}; --resume goes on from there" if places else ""
        )
        print(f"Stopped: {done} of {total} images are done{place_note}.", file=sys.stderr)

    def _images_of(self, each: Input) -> list[Path]:
        return [path for path in (self.overlay_of(each), self.mask_of(each)) if path is not None]

    def _check_names(self) -> None:
        for what, target in (("out", self.out), ("mask", self.mask)):
            if target == "":
                raise InvalidParameterError(f"{what}: expected the name of a file or folder.")
            if target is not None and not self._in_folder(target):
                check_suffix(Path(target), what)
            if target is not None and self.several and Path(target).is_file():
                raise InvalidParameterError(
                    f"{what}: {target} is a file; several images need a folder."
                )

    def _in_folder(self, target: str) -> bool:
        return self.several or target.endswith(("/", os.sep)) or Path(target).is_dir()

    def _target(self, target: str | None, name: str) -> Path | None:
        if target is None:
            return None
        return Path(target, name) if self._in_folder(target) else Path(target)


def request_hash(prompt: str, options: Mapping[str, Any], engines: Sequence[str | None]) -> str:
    """Return what stands for a request in the images that it makes."""
    text = json.dumps([prompt, dict(options), list(engines)], sort_keys=True)
    return f"request {hashlib.sha256(text.encode()).hexdigest()[:16]}"
