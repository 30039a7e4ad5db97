"""The student: its width, what it starts from, and which of its parts learn."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.errors import InvalidParameterError
from training.edge_sam.checkpoints import ENCODER, start_weights
from training.edge_sam.config import Config
from training.edge_sam.names import PARTS
from training.edge_sam.teacher import Teacher
from training.nano.backbone import channels_last


def build_student(config: Config, teacher: Teacher | None) -> EdgeSam:
    """Build the student with the weights that it starts from; only what learns has gradients.

    Raises InvalidParameterError for a start that fits nothing of it.
    """
    options = config.student
    torch.manual_seed(config.seed)
    student = EdgeSam(options.width, rpn=config.phase == 3)
    started: set[str] = set()
    if options.start is not None:
        started = fill(student, start_weights(options.start), str(options.start))
    if config.phase == 3 and not any(name.startswith(PARTS) for name in started):
        raise InvalidParameterError("Phase 3 needs student.start: a checkpoint of phase 2.")
    if options.decoder == "teacher" and teacher is not None:
        fill(student, teacher.decoder_weights(), "the teacher's decoder", PARTS)
    elif options.decoder == "start" and not any(name.startswith(PARTS) for name in started):
        raise InvalidParameterError("student.decoder: start needs student.start with a decoder.")
    set_learning(student, config)
    return channels_last(student)


def set_learning(student: EdgeSam, config: Config) -> None:
    """Say which parts learn: in phase 1 the encoder alone, in phase 3 the proposals alone."""
    if config.phase == 3:
        student.requires_grad_(False)
        assert student.rpn is not None
        student.rpn.requires_grad_(True)
        return
    part = "encoder" if config.phase == 1 else config.student.train
    student.image_encoder.requires_grad_(part != "decoder")
    student.mask_decoder.requires_grad_(part != "encoder")
    freeze = part == "encoder" or config.student.freeze_prompt_encoder
    student.prompt_encoder.requires_grad_(not freeze)


def train_mode(student: EdgeSam) -> None:
    """Put into training what learns; statistics of a frozen encoder stay as they are."""
    student.train()
    if not any(each.requires_grad for each in student.image_encoder.parameters()):
        student.image_encoder.eval()


def fill(
    student: nn.Module,
    weights: Mapping[str, Tensor],
    source: str,
    parts: tuple[str, ...] = (ENCODER, *PARTS),
) -> set[str]:
    """Put weights of equal names and shapes into the student; returns their names.

    Raises InvalidParameterError where a part of the student is in the weights, but less than all
    of it fits, except for RepViT's, which lacks the neck.
    """
    own = student.state_dict()
    fits = {
        name: value
        for name, value in weights.items()
        if name in own and name.startswith(parts) and own[name].shape == value.shape
    }
    for part in parts:
        given = any(name.startswith(part) for name in weights)
        needed = [
            name
            for name in own
            if name.startswith(part)
            and not name.endswith("num_batches_tracked")
            and (part != ENCODER or ".features." in name)
        ]
        missing = [name for name in needed if name not in fits]
        if given and missing:
            raise InvalidParameterError(
                f"{source} does not fit a student of this width: {len(missing)} of {len(needed)} "
                f"weights of the {part.rstrip('.').replace('_', ' ')}, such as {missing[0]}."
            )
    student.load_state_dict(fits, strict=False)
    return set(fits)
