"""The configurations of FPSeg's tools: the original's keys, and some of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX
from edgeseg.engines.fpseg.encoders import STRIDE_PX, EncoderName
from edgeseg.errors import InvalidParameterError
from training.common.configs import Part

CONFIGS = Path(__file__).with_name("configs")
Size = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Runtime = Literal["torch", "onnxruntime", "openvino", "tensorrt"]


class DataOptions(Part):
    """Labelled photos."""

    data_root: Path
    dataset: Literal["cityscapes", "label_maps", "coco_panoptic"] = "cityscapes"
    classes: tuple[str, ...] | Path = ()
    """The names of the numbers in label maps, or a file with a name a line."""
    train_split: str = "train"
    val_split: str = "val"
    num_workers: int = Field(4, ge=0)
    """Processes that read photos and label maps."""

    def class_names(self) -> tuple[str, ...]:
        """Return the names; raises InvalidParameterError for a file that cannot be read."""
        if isinstance(self.classes, tuple):
            return self.classes
        try:
            lines = self.classes.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidParameterError(f"classes: {self.classes}: {error}.") from error
        return tuple(line.strip() for line in lines if line.strip())


class ModelOptions(Part):
    """The model and where its weights come from."""

    encoder: EncoderName = "mobilesam"
    checkpoint: Path | None = None
    """Weights of FPSeg, MobileSAM, SAM or EdgeSAM; without, random ones or the nano encoder's."""
    n_classes: int = Field(33, ge=1)
    prompt_size: int = Field(64, ge=1)
    """Tokens of a class."""
    input_px: int = Field(INPUT_PX, ge=STRIDE_PX, multiple_of=STRIDE_PX)
    """Side of the encoder's input."""
    seed: int = 0
    precision: Precision = "auto"


class Precompute(DataOptions, ModelOptions):
    """Write the embeddings of all photos."""

    image_size: Size = (0, 0)
    """Height and width that photos are scaled to before they are stretched; 0: as they are."""
    splits: tuple[str, ...] = ("train", "val")
    image_embedding_dir: Path
    stored_as: Literal["float16", "float32"] = "float16"
    flips: bool = False
    """Embed mirrored photos too."""
    batch_size: int = Field(8, ge=1)
    shard_items: int = Field(512, ge=1)
    """Embeddings in a file."""


class Train(DataOptions, ModelOptions):
    """Tune prompts, and the decoder by choice."""

    image_embedding_dir: Path
    p_neg_max: float = Field(0.8, ge=0, le=1)
    """The largest share of pairs whose photo does not show the class."""
    target_size: Size = (INPUT_PX, INPUT_PX)
    """Height and width at which logits and labels are compared."""
    n_class_examples_per_epoch: int = Field(100, ge=1)
    test_n_class_examples_per_epoch: int = Field(500, ge=1)
    tuned_part: Literal["prompts", "prompts and decoder"] = "prompts"
    batch_size: int = Field(64, ge=1)
    prompt_learning_rate: float = Field(0.01, gt=0)
    decoder_learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    dice: float = Field(0.0, ge=0)
    """Weight of Dice beside the cross-entropy of each pixel."""
    flips: bool = False
    """Mirror half of the pairs: the photo where it was embedded mirrored, else the embedding."""
    crop: float | None = Field(None, gt=0, le=1)
    """The least share of both sides that a random part of a batch has; without: the whole."""
    n_epochs: int = Field(750, ge=1)
    log_dir: Path
    """The folder of the run."""
    train_log_interval: int = Field(50, ge=1)
    test_interval: int = Field(20, ge=1)
    """Epochs between tests; the last epoch is always tested."""
    keep: Literal["pooled", "miou"] = "pooled"
    """The figure by which the best epoch is known."""
    save_checkpoint: bool = True
    prompts: Literal["file", "fresh"] = "file"
    """Whether prompts of the checkpoint are gone on with."""
    learn: tuple[str, ...] = ()
    """The classes that learn; all else stays as it is, to the bit. Without: all."""
    from_pack: Path | None = None
    """A pack whose classes are taken as they are."""
    pack: str | None = None
    """The name of the pack that is written beside the checkpoint."""

    @model_validator(mode="after")
    def _fits(self) -> Train:
        if self.learn and self.tuned_part != "prompts":
            raise ValueError("with learn, the decoder must stay as it is: tuned_part: prompts")
        if self.from_pack is not None and not self.learn:
            raise ValueError("from_pack needs learn: the classes that are added to the pack's")
        return self


class Distil(DataOptions, ModelOptions):
    """Teach an encoder another's embeddings."""

    image_embedding_dir: Path
    """What `precompute` wrote with the teacher, for both splits."""
    target_size: Size = (INPUT_PX, INPUT_PX)
    """Height and width that photos are scaled to before they are stretched."""
    train_split: str = "train_extra"
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    n_epochs: int = Field(200, ge=1)
    log_dir: Path
    train_log_interval: int = Field(10, ge=1)
    test_interval: int = Field(5, ge=1)
    save_checkpoint: bool = True

    @model_validator(mode="after")
    def _can_learn(self) -> Distil:
        if self.encoder == "nano":
            raise ValueError("the nano encoder is the package's and never learns: choose another")
        return self


class Evaluate(DataOptions, ModelOptions):
    """Measure a trained model."""

    split: str = "val"
    image_embedding_dir: Path | None = None
    """Embeddings of the split; without, photos are encoded."""
    target_size: Size = (0, 0)
    """Height and width at which labels are compared; 0: those of the label maps."""
    test_n_class_examples_per_epoch: int = Field(500, ge=1)
    runtime: Runtime = "torch"
    """TensorRT where ``trt_file`` is given and this is not."""
    encoder_file: Path | None = None
    """An exported encoder, for onnxruntime and OpenVINO."""
    decoder_file: Path | None = None
    trt_file: Path | None = None
    """An engine of the whole model, for TensorRT."""
    output_dir: Path
    limit: int | None = Field(None, ge=1)
    """How many photos at most."""

    @model_validator(mode="before")
    @classmethod
    def _by_the_engine(cls, values: dict[str, Any]) -> dict[str, Any]:
        engine = none_as_text(values.get("trt_file"))
        runtime = "torch" if engine is None else "tensorrt"
        return {"runtime": runtime, **values, "trt_file": engine}

    @model_validator(mode="after")
    def _has_files(self) -> Evaluate:
        compiled = self.runtime in ("onnxruntime", "openvino")
        if compiled and (self.encoder_file is None or self.decoder_file is None):
            raise ValueError(f"{self.runtime} needs encoder_file and decoder_file")
        if self.runtime == "tensorrt" and self.trt_file is None:
            raise ValueError("tensorrt needs trt_file")
        return self


class Bench(ModelOptions):
    """Measure the time of each part."""

    trt_file: Path | None = None
    n_classes: int = Field(19, ge=1)
    prompt_size: int = Field(32, ge=1)
    n_warmup: int = Field(50, ge=0)
    n_runs: int = Field(50, ge=1)
    image_size: Size = (1024, 2048)
    """Height and width of the photo, and of the masks."""
    output_dir: Path
    sam: bool = True
    """Measure the same encoder with SAM's own decoder too, prompted by a point a class."""

    @model_validator(mode="after")
    def _sam_fits(self) -> Bench:
        if self.encoder == "nano" and self.sam:
            raise ValueError("SAM's decoder does not fit the nano encoder: set sam: false")
        return self

    @field_validator("trt_file", mode="before")
    @classmethod
    def _none_as_text(cls, value: object) -> object:
        return none_as_text(value)


class ExportOnnx(ModelOptions):
    """Write encoder, decoder and the whole as ONNX."""

    output_dir: Path
    target_size: Size = (1024, 2048)
    """Height and width of the whole model's masks."""
    whole_output: Literal["masks", "logits"] = "masks"
    """What the whole model gives: masks, as the original's, or what a label map needs."""

    @model_validator(mode="after")
    def _is_torch(self) -> ExportOnnx:
        if self.encoder == "nano":
            raise ValueError("the nano encoder runs by onnxruntime already: serve its checkpoint")
        return self


class BuildTensorrt(Part):
    """Compile an ONNX file for the GPU that is here."""

    onnx_file: Path
    output_dir: Path
    fp16: bool = False
    int8: bool = False
    calibration_photos: tuple[Path, ...] = ()
    """Folders or tars of photos, from which 8-bit ranges are read."""
    calibration_limit: int = Field(100, ge=1)
    workspace_mib: int = Field(4096, ge=1)
    dla_core: int | None = Field(None, ge=0)
    """Run on this core of the accelerator for deep learning, on the GPU what it cannot."""
    n_classes: tuple[int, int, int] = (1, 8, 64)
    """Fewest, usual and most classes of a decoder."""
    prompt_size: int = Field(64, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> BuildTensorrt:
        if self.int8 and not self.calibration_photos:
            raise ValueError("int8 needs calibration_photos")
        if self.dla_core is not None and not (self.fp16 or self.int8):
            raise ValueError("dla_core needs fp16 or int8: it computes in no others")
        if list(self.n_classes) != sorted(self.n_classes) or self.n_classes[0] < 1:
            raise ValueError("n_classes: fewest, usual and most, in this order")
        return self


def none_as_text(value: object) -> object:
    """Return None for the word, which the original's files have."""
    return None if value == "None" else value
