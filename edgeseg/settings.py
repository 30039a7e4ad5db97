"""Settings of every way to run EdgeSeg, read from the environment and documented where declared."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from edgeseg.access import AccessSettings
from edgeseg.environment import (
    EncoderRuntime,
    Names,
    RedisUrl,
    ServicePort,
    dotenv_encoding,
    named_problems,
    redis_url_of,
)
from edgeseg.errors import InvalidParameterError
from edgeseg.platforms import cache_dir
from edgeseg.roles import DEVICES, FAMILIES, ROLES
from edgeseg.roles import Role as Role


class Settings(AccessSettings):
    """Each field is read from ``EDGESEG_<NAME>``, or from ``.env`` in the current folder."""

    model_config = SettingsConfigDict(
        env_prefix="EDGESEG_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # Engines
    engines: str = Field(
        "nano",
        description="Family of engines for every role not set below: nano, compact (NanoDet-Plus, "
        "nano's segmenter), full (Grounding DINO tiny, SAM 2.1 small), large (Grounding DINO base, "
        "SAM 2.1 large), fake.",
    )
    simplify_engine: str | None = Field(None, description="Engine that simplifies prompts.")
    extract_engine: str | None = Field(
        None, description="Engine that reads the entities of a text, for `edgeseg entities`."
    )
    detect_engine: str | None = Field(None, description="Engine that finds boxes for phrases.")
    segment_engine: str | None = Field(None, description="Engine that turns boxes into masks.")
    ground_engine: str | None = Field(
        None,
        description="Engine that finds boxes and masks in one step, in place of detect and "
        "segment.",
    )
    embed_engine: str | None = Field(
        None, description="Engine that embeds objects, to pair them across images."
    )
    classify_engine: str | None = Field(
        None, description="Engine that finds the classes of a pack, pixel by pixel."
    )
    class_packs: Path | None = Field(
        None,
        description="Folder with packs of classes, for `edgeseg classes` and POST /classes; a file "
        "that comes or changes is used at once. Those in the package are there without it.",
    )
    allowed_engines: Names = Field(
        (),
        description="Engines that a request to the API may choose besides those above, by name, "
        "separated by commas; `*`: all. Their weights must be installed: no request downloads any.",
    )
    max_loaded_engines: int = Field(
        2,
        ge=1,
        description="Engines that a worker keeps loaded; the one that was not used for longest "
        "makes room for another.",
    )
    device: str = Field(
        "auto",
        pattern=DEVICES,
        description="Device for engines: auto, cpu, cuda, cuda:1, mps.",
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads of one engine; unset: the engine's own choice."
    )
    engine_wait_s: float = Field(
        0.0,
        ge=0,
        description="Seconds that a worker waits for the weights of its engine to appear, before "
        "it gives up.",
    )
    ttl: float = Field(
        -1,
        ge=-1,
        description="Seconds an idle engine stays in memory; `-1` keeps it loaded, `0` unloads it "
        "after each use.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Compute dtype for torch engines. `auto` selects bfloat16 where the device "
        "supports it.",
    )
    encoder_runtime: EncoderRuntime = Field(
        "torch",
        validation_alias=AliasChoices("EDGESEG_ENCODER_RUNTIME", "EDGESEG_OPENVINO"),
        description="Runtime of the image encoders of the SAM family: `torch`, or `openvino` (on "
        "the CPU, compiled once; needs the extra `openvino`). `EDGESEG_OPENVINO=1` is deprecated.",
    )
    mask_threshold: float = Field(
        0.5, gt=0, lt=1, description="Minimum probability of the pixels of a mask."
    )
    edge_sam_input_px: int = Field(
        1024,
        ge=64,
        le=4096,
        multiple_of=64,
        description="Side of the square input of EdgeSAM's encoder, in pixels: for checkpoints "
        "that were trained at another size than 1024.",
    )
    edge_sam_click_box: Literal["merged", "best", "off"] = Field(
        "merged",
        description="Box that EdgeSAM adds to a single click, with checkpoints that have a region "
        "proposal network: the five nearest proposals `merged`, the `best` of them, or `off`.",
    )
    extract_image: bool = Field(
        False,
        description="Show the generated image to the language model that reads the entities of a "
        "text; only models that see take it. By the text alone, the model cannot leave out what "
        "the image lacks.",
    )
    fake_latency_s: float = Field(
        0.0, ge=0, description="Seconds that each stage of the fake engine takes."
    )
    fake_item_latency_s: float | None = Field(
        None,
        ge=0,
        description="Seconds that a stage of the fake engine takes longer for each request of a "
        "batch; unset: it answers one request at a time.",
    )

    # Weights
    weights_dir: Path = Field(
        default_factory=cache_dir,
        description="Folder that downloaded checkpoints are kept in; unset: the user's cache "
        "folder, on Linux `~/.cache/edgeseg`.",
    )
    weights: dict[str, str] = Field(
        {},
        description="Weights of your own by engine, as JSON: a file or folder, OWNER/REPO@REVISION "
        "on the hub, or URL#sha256=CHECKSUM.",
    )
    offline: bool = Field(
        False,
        validation_alias=AliasChoices("EDGESEG_OFFLINE", "HF_HUB_OFFLINE"),
        description="Download nothing.",
    )
    hub_url: str = Field(
        "https://huggingface.co",
        validation_alias=AliasChoices("EDGESEG_HUB_URL", "HF_ENDPOINT"),
        description="Hub that weights come from, or a mirror of it.",
    )
    hub_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("EDGESEG_HUB_TOKEN", "HF_TOKEN"),
        description="Token for repositories whose licence must be accepted.",
    )

    # A language model behind HTTP, for the simplifier "openai"
    llm_url: str | None = Field(
        None,
        description="Server of a language model with OpenAI's interface: "
        "http://localhost:11434/v1 for Ollama.",
    )
    llm_model: str | None = Field(None, description="Name of the model on that server.")
    llm_key: SecretStr | None = Field(
        None, description="Key for that server; only its workers need it."
    )
    llm_timeout_s: float = Field(
        30.0, gt=0, description="Seconds to wait for its answer; then rules simplify instead."
    )
    llm_images: bool = Field(False, description="Show it the image too; only for models that see.")

    # Limits of the input
    max_image_bytes: int = Field(
        32 * 1024 * 1024, ge=1, description="Largest image file accepted, in bytes."
    )
    max_entities_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1,
        description="Largest form of POST /entities, all its images together, in bytes.",
    )
    max_image_pixels: int = Field(
        80_000_000, ge=1, description="Largest image accepted, in pixels (width times height)."
    )

    max_request_cost: float = Field(
        3000.0,
        gt=0,
        description="Largest cost of a request to the API: phrases plus 10, times the megapixels "
        "of the image and its tiles, each of which counts for one at most; beyond, it is refused: "
        "422 request_too_costly.",
    )

    # Limits of exports over HTTP
    max_export_objects: int = Field(
        10_000, ge=1, description="Maximum number of objects in one export."
    )
    max_export_pixels: int = Field(
        4_000_000_000,
        ge=1,
        description="Maximum pixels in one export: each image counts once, and once for each mask.",
    )
    max_export_vertices: int = Field(
        5_000_000, ge=1, description="Maximum corners of all masks in one export, before thinning."
    )
    export_timeout_s: float = Field(
        60.0, gt=0, description="Seconds that one export may take, waiting included."
    )
    export_processes: int = Field(
        1,
        ge=1,
        description="Exports written at once, each in a process of its own, which may take 8 bytes "
        "of memory per pixel of EDGESEG_MAX_IMAGE_PIXELS, at least 512 MiB.",
    )

    # Redis
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis as one URL (redis://:password@host:6379/0); takes precedence over "
        "host and port.",
    )
    redis_host: str = Field(
        "localhost",
        validation_alias=AliasChoices("EDGESEG_REDIS_HOST", "REDIS_HOST"),
        description="Host of Redis.",
    )
    redis_port: ServicePort = Field(
        6379,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("EDGESEG_REDIS_PORT", "REDIS_PORT"),
        description="Port of Redis.",
    )
    redis_password: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("EDGESEG_REDIS_PASSWORD", "REDIS_PASSWORD"),
        description="Password of Redis.",
    )
    redis_password_file: Path | None = Field(
        None,
        description="File that holds the password of Redis, read at each connection; a secret of "
        "Docker or Kubernetes. Takes precedence over EDGESEG_REDIS_PASSWORD.",
    )

    redis_maxmemory: str = Field(
        "1gb",
        pattern=r"^\d{1,15}([kmg]b?)?$",
        validation_alias=AliasChoices("EDGESEG_REDIS_MAXMEMORY", "REDIS_MAXMEMORY"),
        description="Memory limit of the Redis that `edgeseg up` starts, as in redis.conf: 512mb, "
        "1gb; 0: no limit.",
    )

    # Tasks and workers
    task_ttl_s: int = Field(
        300, ge=1, description="Seconds that a finished task and its image stay readable."
    )
    request_timeout_s: float = Field(
        120.0, gt=0, description="Seconds that an HTTP request waits for its result."
    )
    stage_timeout_s: int = Field(
        600, ge=1, description="Seconds that one stage of a task may run on a worker."
    )
    max_attempts: int = Field(
        3, ge=1, description="How often a task may kill its worker before it fails for good."
    )
    max_batch: int = Field(
        8,
        ge=1,
        le=256,
        description="Waiting tasks that a worker takes at once, where its engine answers several "
        "faster than one by one; 1: no batches.",
    )
    batch_wait_ms: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="Milliseconds that a worker waits for more tasks before a batch that is not "
        "full; unset: 0 on a CPU, 5 on a GPU.",
    )
    require_workers: bool = Field(
        True,
        description="Whether a request is refused when nobody serves one of its stages; false "
        "where workers are started on demand.",
    )
    max_waiting_tasks: int = Field(
        500,
        ge=1,
        description="Tasks that may wait in the queues of a request; beyond, it is refused: 503 "
        "queue_full.",
    )
    max_waiting_bytes: int = Field(
        512 * 1024 * 1024,
        ge=1,
        description="Bytes that the images of waiting tasks may take in Redis; beyond, requests "
        "are refused: 503 queue_full.",
    )
    max_concurrent_requests: int = Field(
        100,
        ge=1,
        description="Requests for tasks that one API process works on at once, those that wait "
        "for a result included; beyond, they are refused: 503 queue_full.",
    )
    heartbeat_s: float = Field(2.0, gt=0, description="Seconds between two heartbeats of a worker.")
    heartbeat_ttl_s: int = Field(
        6, ge=1, description="Seconds without a heartbeat after which a worker is considered dead."
    )

    worker_niceness: int = Field(
        10,
        ge=0,
        le=19,
        description="How far workers of `edgeseg up` give way to the API and all else that runs, "
        "where processors are short; 0: not at all.",
    )

    # Serving
    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0: any free one.")
    ui_host: str = Field("127.0.0.1", description="Address that the browser UI listens on.")
    ui_port: int = Field(
        8501, ge=0, le=65535, description="Port of the browser UI; 0: any free one."
    )
    api_url: str = Field(
        "http://127.0.0.1:8000", description="Where the client and the UI find the API."
    )
    data_dir: Path = Field(
        Path("out"), description="Folder for what the embedded stack and the demo write."
    )
    metrics_host: str = Field(
        "127.0.0.1",
        description="Address that a worker's metrics and health are served on; beyond loopback "
        "they are answered under every name.",
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of a worker's metrics and health; unset: none."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines for people, or one JSON object a line."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Minimum severity of logged messages."
    )

    def engine_for(self, role: Role) -> str | None:
        """Return the engine's name for a role; None for ``ground`` when it is not used."""
        chosen: str | None = getattr(self, f"{role}_engine")
        if chosen or role == "ground":
            return chosen
        return FAMILIES.get(self.engines, {}).get(role, self.engines)

    def engine_names(self) -> list[str]:
        """Return the names of the engines that requests may choose; "*" stands for all."""
        own = filter(None, map(self.engine_for, ROLES))
        return list(dict.fromkeys([*own, *self.allowed_engines]))

    def host_names(self) -> tuple[str, ...]:
        """Return the names that our servers may be addressed by, besides loopback and addresses."""
        own = (self.api_host, self.ui_host, self.metrics_host, urlsplit(self.api_url).hostname)
        return (*self.allowed_hosts, *filter(None, own))

    def redis_dsn(self) -> str:
        """Return the URL of Redis, password included: not for logs."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        password = None if self.redis_password_file else self.redis_password
        return redis_url_of(self.redis_host, self.redis_port, password)


def read_settings(**changes: Any) -> Settings:
    """Return the settings of the environment with some changed.

    Raises InvalidParameterError that names each variable whose value cannot be used.
    """
    path = Path(str(Settings.model_config["env_file"]))
    try:
        return Settings(_env_file_encoding=dotenv_encoding(path), **changes)
    except (ValidationError, SettingsError) as error:
        prefix = str(Settings.model_config["env_prefix"])
        raise InvalidParameterError(named_problems(error, prefix)) from None


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once; ``get_settings.cache_clear()`` rereads."""
    return read_settings()
