"""Carries out ``edgeseg entities``: images found, targets checked, results written whole."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.cli.entities_choice import Choice
from edgeseg.cli.inputs import Input, find_images
from edgeseg.cli.outputs import check_targets, save_image
from edgeseg.entity_result import EntitySegmentation, Form
from edgeseg.errors import InvalidParameterError, NoImageError
from edgeseg.files import write_bytes
from edgeseg.pipeline import EdgeSegAI
from edgeseg.schemas import ImageEntities
from edgeseg.types import ImageStep


@dataclass(frozen=True)
class Outputs:
    """What is written where; None is not written."""

    json: Path
    form: Form
    comparison: bool
    report: Path | None
    embeddings: Path | None
    images: Path | None
    quiet: bool

    def check(self, inputs: Sequence[Input], overwrite: bool) -> None:
        """Check all targets before the work, and make their folders."""
        if self.report is not None and self.report.suffix.lower() not in (".html", ".htm"):
            raise InvalidParameterError(
                f"--report: expected a name that ends in .html, got {self.report}."
            )
        files = [each for each in (self.json, self.report, self.embeddings) if each is not None]
        if self.images is not None:
            from edgeseg.report.drawing import annotated_names

            files += [self.images / name for name in annotated_names(len(inputs))]
        paths = [each.path for each in inputs if each.path is not None]
        check_targets(files, paths, overwrite)

    def write(self, found: EntitySegmentation) -> None:
        """Write everything, each file whole or not at all."""
        text = found.to_json(self.form, self.json, comparison=self.comparison)
        if self.report is not None:
            found.report(self.report)
        if self.embeddings is not None:
            from edgeseg.report.forms import embeddings_json

            write_bytes(self.embeddings, f"{embeddings_json(found)}\n".encode())
        if self.images is not None:
            from edgeseg.report.drawing import QUALITY, annotated

            for name, drawn in annotated(found):
                save_image(drawn, self.images / name, quality=QUALITY)
        if self.quiet:
            print(text)
        else:
            _say(found, self)


def find_inputs(contextual: Sequence[str], generated: str) -> list[Input]:
    """Return the contextual images and, last, the generated one.

    Raises NoImageError that names every file that is not there.
    """
    references = find_images(contextual) if contextual else []
    made = find_images([generated])
    if len(made) != 1:
        raise InvalidParameterError(
            f"--generated: expected one image, and {generated} names {len(made)}."
        )
    inputs = [*references, *made]
    missing = [each.shown for each in inputs if each.path is not None and not each.path.exists()]
    if missing:
        raise NoImageError(f"There is no file {', '.join(dict.fromkeys(missing))}.")
    return inputs


def run(
    choice: Choice,
    prompt: str,
    inputs: Sequence[Input],
    options: Mapping[str, Any],
    outputs: Outputs,
) -> int:
    """Segment, pair and judge, and write the result; returns how many images failed."""
    engines = choice.engines
    with EdgeSegAI(
        detector=engines.get("detect"),
        segmenter=engines.get("segment"),
        grounder=engines.get("ground"),
        extractor=engines.get("extract"),
        embedder=engines.get("embed"),
        settings=choice.settings,
    ) as ai:
        sources = [each.source() for each in inputs]
        found = ai.segment_entities(
            prompt,
            sources[:-1],
            sources[-1],
            progress=None if outputs.quiet else _show,
            **options,
        )
    outputs.write(found)
    for each in found.images:
        for warning in each.warnings:
            print(f"{each.file_name}: warning: {warning}", file=sys.stderr)
        if each.error is not None:
            detail = f"{each.error['detail']} [{each.error['code']}]"
            print(f"{each.file_name or '-'}: {detail}", file=sys.stderr)
    for warning in found.result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return sum(each.error is not None for each in found.images)


def _show(step: ImageStep) -> None:
    found = ", ".join(f"{label} {count}" for label, count in step.found.items())
    print(f"{step.stage} {step.done}/{step.total}: {step.image}: {found}", file=sys.stderr)


def _say(found: EntitySegmentation, outputs: Outputs) -> None:
    for each in found.images:
        if each.error is None:
            print(f"{each.file_name or '-'}: {_found_in(found, each)}")
    judgement = found.judgement
    if judgement is not None:
        if judgement.missing:
            print(f"missing: {', '.join(judgement.missing)}")
        for name, (passed, asked) in judgement.checks.items():
            print(f"{name}: {passed} of {asked}")
        if judgement.total is not None:
            print(f"total: {judgement.total:.2f}")
    written = [outputs.json, outputs.report, outputs.embeddings, outputs.images]
    print("written: " + ", ".join(str(each) for each in written if each is not None))


def _found_in(found: EntitySegmentation, shown: ImageEntities) -> str:
    counts = [
        f"{entity.label} {sum(each.entity == place for each in shown.objects)}"
        for place, entity in enumerate(found.result.entities)
    ]
    return ", ".join(counts)
