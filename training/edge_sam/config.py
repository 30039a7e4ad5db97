"""The configuration of a training: checked, based on shipped defaults, changed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.common.configs import Part, read_config

CONFIGS = Path(__file__).with_name("configs")
Format = Literal["coco", "lvis", "sa1b"]
Share = Field(ge=0, le=1)


class Source(Part):
    """Images and their annotations."""

    format: Format = "coco"
    images: tuple[Path, ...] = ()
    """Folders of images, or tars that hold them; with SA-1B the annotations are among them."""
    annotations: Path | None = None
    """The JSON file of COCO or LVIS, gzipped or not."""
    keys: Path | None = None
    """A file with the key of an image a line: these, in this order. Without: all, shuffled."""
    limit: int | None = Field(None, ge=1)
    """How many images at most."""
    masked_only: bool = False
    """Leave out images without any mask, as all of them are when annotations are the targets."""


class Data(Part):
    """What is trained on and what decides which checkpoint is kept."""

    train: Source = Source()
    valid: Source | None = None
    views: bool = False
    """Random views with copy-paste distractors in place of whole images (COCO formats only)."""
    workers: int = Field(1, ge=0)
    """Processes that load images."""


class TeacherOptions(Part):
    """The model that is imitated."""

    model: str | None = None
    """A folder of SAM or SAM-HQ in transformers' format, an EdgeSAM checkpoint, or an engine."""
    embeddings: Path | None = None
    """The folder that `precompute` writes and `train` reads."""
    on_the_fly: bool = False
    """Run the teacher's encoder in each step, and need no disk."""
    size_px: int | None = Field(None, ge=64)
    """Side of an EdgeSAM teacher's input; 1024 without. A SAM has its own."""
    select: Literal["score", "stability"] = "score"
    """What tells the best of the teacher's masks."""
    shard_items: int = Field(512, ge=1)
    """Embeddings in a file."""


class StudentOptions(Part):
    """The EdgeSAM that learns."""

    width: float = Field(1.0, gt=0)
    """Channels of the encoder as a share of the published model's, in quarters."""
    sizes_px: tuple[int, ...] = Field((1024,), min_length=1)
    """Side of the input; several share the run, the first one first (progressive resizing)."""
    start: Path | None = None
    """A checkpoint to begin with: of the phase before, an EdgeSAM's, or a RepViT's."""
    decoder: Literal["teacher", "start", "random"] = "teacher"
    """Where prompt encoder and mask decoder come from."""
    train: Literal["encoder", "decoder", "both"] = "both"
    """Which of the two networks learn."""
    freeze_prompt_encoder: bool = True

    @model_validator(mode="after")
    def _sizes(self) -> StudentOptions:
        if any(size % 32 for size in self.sizes_px):
            raise ValueError("sizes_px must be multiples of 32, the encoder's largest stride")
        if self.sizes_px[-1] % 64:
            raise ValueError("the last of sizes_px must be a multiple of 64, as the engine's is")
        if self.width * 4 != round(self.width * 4):
            raise ValueError("width must be a multiple of 0.25")
        return self


class Prompting(Part):
    """Prompts in the loop."""

    rounds: int = Field(2, ge=1)
    """Decoder passes in a step: the first prompt, then corrective clicks; 1: not in the loop."""
    objects: int = Field(16, ge=1)
    """Objects of an image in a step; of images with more, so many are drawn with replacement."""
    box_share: float = Field(0.5, ge=0, le=1)
    """How often the first prompt is a box and not a point."""
    coin: Literal["batch", "object"] = "batch"
    """What one throw of the coin decides for."""
    point: Literal["annotated", "mask"] = "annotated"
    """The first point: SA-1B's own where there is one, or a random pixel of the mask."""
    min_disagreement_px: int = Field(10, ge=1)
    """With fewer pixels to correct, the click is one that the prompt encoder ignores."""


class Losses(Part):
    """Weights of the parts of the loss; a part of weight 0 is not computed."""

    embedding: float = Field(0.0, ge=0)
    bce: float = Field(5.0, ge=0)
    dice: float = Field(5.0, ge=0)
    focal: float = Field(0.0, ge=0)
    iou: float = Field(0.0, ge=0)
    attention: float = Field(0.0, ge=0)
    ambiguous: Literal["all", "best"] = "all"
    """How the masks of a click are taught: each by its own target, or the best one alone."""


class Optimisation(Part):
    """Optimiser, learning rate and how long."""

    name: Literal["adamw", "muon"] = "adamw"
    rate: float = Field(gt=0)
    min_rate: float = Field(0.0, ge=0)
    warmup_rate: float = Field(0.0, ge=0)
    rate_batch: int | None = Field(None, ge=1)
    """Rates are for this batch and scaled to the batch that there is; None: they are as given."""
    schedule: Literal["cosine", "flat-cosine", "steps"] = "cosine"
    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of the run in which the rate rises."""
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(5.0, gt=0)
    """Largest norm of the gradient."""
    ema: float | None = Field(None, gt=0, lt=1)
    """Decay of a moving average of the weights, which is evaluated in place of the weights."""
    batch: int = Field(8, ge=1)
    """Images that a process takes at once."""
    batch_px: int | None = Field(None, ge=1)
    """In place of ``batch``: pixels at once, so that small inputs come in larger batches."""
    accumulate: int = Field(1, ge=1)
    """Batches whose gradients are added up for one step."""
    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    """How long: exactly one of the three."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    sync_batchnorm: bool = False
    """Share statistics between GPUs."""

    @model_validator(mode="after")
    def _length(self) -> Optimisation:
        if sum(each is not None for each in (self.epochs, self.steps, self.minutes)) != 1:
            raise ValueError("exactly one of epochs, steps and minutes must be set")
        return self


class Watching(Part):
    """Logs, validation and checkpoints, in steps."""

    log_every: int = Field(25, ge=1)
    save_every: int = Field(250, ge=1)
    validate_every: int = Field(1000, ge=1)
    objects: int = Field(8, ge=1)
    """Objects of an image that are validated."""
    min_area_px: int = Field(0, ge=0)
    """Objects with fewer pixels in the image are not validated."""


class Config(Part):
    """Everything that a training is told."""

    phase: Literal[1, 2, 3]
    targets: Literal["teacher", "annotations"] = "teacher"
    output: Path
    seed: int = 0
    data: Data = Data()
    teacher: TeacherOptions = TeacherOptions()
    student: StudentOptions = StudentOptions()
    prompts: Prompting = Prompting()
    losses: Losses = Losses()
    optimisation: Optimisation
    watching: Watching = Watching()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.targets == "annotations" and self.phase == 1:
            raise ValueError("phase 1 imitates a teacher; targets: annotations is for phase 2")
        if self.data.views and self.teacher.embeddings and not self.teacher.on_the_fly:
            raise ValueError(
                "data.views changes images in each epoch, which stored embeddings do not follow: "
                "set teacher.on_the_fly"
            )
        return self


def load(name: str | Path, changes: Sequence[str] = ()) -> Config:
    """Read a shipped configuration by its name, or a YAML file; see `read_config`."""
    return read_config(Config, CONFIGS, name, changes)
