"""Classes of a pack: which to find, in what order and how long, and what was found."""

from __future__ import annotations

from pydantic import Field

from edgeseg.schemas.requests import EngineChoice
from edgeseg.schemas.results import ClassOfPack
from edgeseg.schemas.visualization import VisualizationField
from edgeseg.schemas.wire import Text, Unit, Wire

# A label map has numbers of one byte; 255 is no class.
MAX_CLASSES = 254
MAX_DEADLINE_MS = 3_600_000


class ClassesRequest(Wire):
    """Which classes of a pack to find, in the order of their priority, and how long it may take."""

    pack: Text = Field("street", description="Name of the pack; see GET /classes.")
    classes: list[Text] | None = Field(
        None,
        min_length=1,
        max_length=MAX_CLASSES,
        description="Classes to find, the most important first; null: all of the pack.",
        examples=[["car", "pedestrian"]],
    )
    deadline_ms: float | None = Field(
        None,
        gt=0,
        le=MAX_DEADLINE_MS,
        description="Milliseconds after which no further class is begun, waiting in queues "
        "included; null: all are found.",
        examples=[80],
    )
    background_threshold: Unit | None = Field(
        None,
        description="Pixels whose best class is less probable belong to none, 0 to 1; null: the "
        "pack's own.",
        examples=[0.5],
    )
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"classify": "nano"}],
    )
    visualization: VisualizationField = "jpeg"


class PackInfo(Wire):
    """A pack of classes that can be asked for."""

    name: str = Field(description="For `pack` of POST /classes.", examples=["street"])
    classes: list[ClassOfPack] = Field(description="In the order of their numbers.")
    encoder: str = Field(description="Encoder that it was tuned with.", examples=["nano-street"])
    encoder_fingerprint: str = Field(
        description="Of the encoder's weights.", examples=["31f878fcd1b86b82"]
    )
    decoder_fingerprint: str = Field(
        description="Of the decoder's weights.", examples=["0abb4c099cbded87"]
    )
    background_threshold: Unit = Field(
        description="Probability below which a pixel belongs to no class.", examples=[0.5]
    )
    figures: dict[str, float] = Field(description="What was measured.", examples=[{"miou": 0.6}])
