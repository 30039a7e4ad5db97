"""The engines with published weights: which there are, and where those come from."""

from __future__ import annotations

from edgeseg.engines.spec import Entry
from edgeseg.engines.weights.sources import HUB_URL, UNPINNED, HubRepo, OwnFile, WebFile, WebFolder
from edgeseg.settings import Role

# Name, repository, commit, megabytes, whether it is shown images, and description.
_LANGUAGE_MODELS = (
    (
        "qwen3-0.6b",
        "Qwen3-0.6B",
        "c1899de289a04d12100db370d81485cdf75e47ca",
        1503,
        False,
        "A small language model.",
    ),
    (
        "qwen3-1.7b",
        "Qwen3-1.7B",
        "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e",
        4063,
        False,
        "A language model.",
    ),
    (
        "qwen2.5-0.5b",
        "Qwen2.5-0.5B-Instruct",
        "7ae557604adf67be50417f59c2c2f167def9a775",
        988,
        False,
        "The smallest of the language models.",
    ),
    (
        "qwen2.5-1.5b",
        "Qwen2.5-1.5B-Instruct",
        "989aa7980e4cf806f80c7fef2b1adb7bc71aa306",
        3087,
        False,
        "A language model.",
    ),
    (
        "qwen3-vl-2b",
        "Qwen3-VL-2B-Instruct",
        "89644892e4d85e24eaac8bacfd4f463576704203",
        4255,
        True,
        "A language model that is shown the image too.",
    ),
    (
        "qwen3-vl-4b",
        "Qwen3-VL-4B-Instruct",
        UNPINNED,
        8876,
        True,
        "A language model that is shown the image too.",
    ),
    (
        "qwen3-vl-8b",
        "Qwen3-VL-8B-Instruct",
        UNPINNED,
        17534,
        True,
        "A language model that is shown the image too.",
    ),
)


def _grounding_dino(name: str, description: str, size_mb: float, source: HubRepo) -> Entry:
    return Entry(
        name,
        "detect",
        "edgeseg.engines.grounding_dino.hub:load",
        description,
        size_mb=size_mb,
        extra="full",
        requires=("torch", "transformers"),
        sources=(source,),
    )


def _original_grounding_dino(size: str, file: str, size_mb: float, sha256: str) -> Entry:
    return Entry(
        f"grounding-dino-original-{size}",
        "detect",
        "edgeseg.engines.grounding_dino.original:load",
        f"Grounding DINO {size} from its authors' checkpoint, by groundingdino-py.",
        size_mb=size_mb,
        extra="groundingdino",
        requires=("torch", "transformers", "groundingdino"),
        sources=(
            WebFile(f"{HUB_URL}/ShilongLiu/GroundingDINO/resolve/main/{file}", sha256),
            HubRepo(
                "google-bert/bert-base-uncased",
                "86b5e0934494bd15c9632b12f734a8a67f723594",
                files=("config.json", "tokenizer*.json", "vocab.txt"),
            ),
        ),
    )


def _florence(size: str, size_mb: float, commit: str) -> Entry:
    return Entry(
        f"florence-2-{size}",
        "detect",
        "edgeseg.engines.florence2:load",
        f"Florence-2 {size} or a fine-tune of it, by transformers.",
        licence="MIT",
        size_mb=size_mb,
        extra="full",
        requires=("torch", "transformers"),
        sources=(HubRepo(f"florence-community/Florence-2-{size}", commit),),
    )


def _sam(name: str, title: str, size_mb: float, source: HubRepo) -> Entry:
    return Entry(
        name,
        "segment",
        "edgeseg.engines.sam.sam:load",
        f"{title}, by transformers.",
        size_mb=size_mb,
        extra="full",
        requires=("torch", "transformers"),
        sources=(source,),
    )


def _sam2(name: str, size: str, size_mb: float, sha256: str) -> Entry:
    hub = f"{HUB_URL}/facebook/sam2.1-hiera-{size.replace('_', '-')}/resolve/main"
    return Entry(
        name,
        "segment",
        "edgeseg.engines.sam.sam2:load",
        f"SAM 2.1 with Hiera {size.replace('_', ' ')}, by its authors' package.",
        size_mb=size_mb,
        extra="full",
        requires=("torch", "torchvision", "sam2"),
        sources=(WebFile(f"{hub}/sam2.1_hiera_{size}.pt", sha256),),
    )


def _edge_sam(name: str, text: str, file: str, sha256: str) -> Entry:
    # The authors publish their checkpoints in their demo.
    demo = f"{HUB_URL}/spaces/chongzhou/EdgeSAM/resolve/main/weights"
    return Entry(
        name,
        "segment",
        "edgeseg.engines.edge_sam.engine:load",
        text,
        licence="S-Lab-1.0, non-commercial",
        size_mb=38.8,
        extra="full",
        requires=("torch",),
        sources=(WebFile(f"{demo}/{file}", sha256),),
    )


# The commit whose checkpoint has the SHA-256 below.
_MOBILE_SAM = (
    "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"
    "f706ad9c4eb7f219c00d9050e46328518ffb65d2"
)
# The commit whose pointers to large files name the SHA-256 below.
_NANODET = (
    "https://media.githubusercontent.com/media/lit-robotics/nanodet-rs/"
    "606a17bdb1f6bafbba213d54d94b16b21316dc7c"
)
# What each role asks a language model for.
_ASKED: dict[Role, tuple[str, str]] = {
    "simplify": ("simplifier", ""),
    "extract": ("extractor", " Reads the entities of a text."),
    "detect": ("detector", " Writes boxes, all with a score of 0.99."),
}


def _language_model(role: Role, row: tuple[str, str, str, int, bool, str]) -> Entry:
    name, repo, commit, size_mb, accepts_image, text = row
    kind, more = _ASKED[role]
    return Entry(
        name,
        role,
        f"edgeseg.engines.llm.local:{'vision' if accepts_image else 'text'}_{kind}",
        text + more,
        size_mb=size_mb,
        extra="full",
        requires=("torch", "transformers"),
        sources=(HubRepo(f"Qwen/{repo}", commit),),
    )


FULL: tuple[Entry, ...] = (
    Entry(
        "nanodet-plus",
        "detect",
        "edgeseg.engines.nanodet.engine:load",
        "NanoDet-Plus-m for COCO's 80 classes, by ncnn; nano for all other words.",
        size_mb=2.4,
        extra="compact",
        requires=("ncnn",),
        sources=(
            WebFolder(
                f"{_NANODET}/data/",
                (
                    (
                        "nanodet-plus-m_416.bin",
                        "f7555ca6cb9650ee41e2f0a53fdf46b6e187a2a09792208d8c3eec033b6ac615",
                    ),
                    (
                        "nanodet-plus-m_416.param",
                        "d79e18ecd8595081bb29fdf0c790a47fcea96fbf58598350569a92e71e915b72",
                    ),
                ),
            ),
        ),
    ),
    _grounding_dino(
        "grounding-dino-tiny",
        "Grounding DINO with Swin-T, by transformers.",
        689,
        HubRepo("IDEA-Research/grounding-dino-tiny", "a2bb814dd30d776dcf7e30523b00659f4f141c71"),
    ),
    _grounding_dino(
        "grounding-dino-base",
        "Grounding DINO with Swin-B, by transformers.",
        933,
        HubRepo("IDEA-Research/grounding-dino-base", "12bdfa3120f3e7ec7b434d90674b3396eccf88eb"),
    ),
    _grounding_dino(
        "mm-grounding-dino-tiny",
        "MM-Grounding-DINO with Swin-T, by transformers.",
        692,
        HubRepo("openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det", UNPINNED),
    ),
    _grounding_dino(
        "mm-grounding-dino-base",
        "MM-Grounding-DINO with Swin-B, by transformers.",
        933,
        HubRepo("openmmlab-community/mm_grounding_dino_base_all", UNPINNED),
    ),
    _original_grounding_dino(
        "tiny",
        "groundingdino_swint_ogc.pth",
        694.0,
        "3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
    ),
    _original_grounding_dino(
        "base",
        "groundingdino_swinb_cogcoor.pth",
        938.1,
        "46270f7a822e6906b655b729c90613e48929d0f2bb8b9b76fd10a856f3ac6ab7",
    ),
    _florence("base", 463, "00921df66db728a9ceb750f5eca43e5c203a2051"),
    _florence("large", 1542, "4271c66b88cdbc05735372ec13b2360108de5317"),
    Entry(
        "sam3",
        "ground",
        "edgeseg.engines.sam.sam3:load",
        "SAM 3, phrases to boxes and masks in one step, by transformers.",
        licence="SAM License",
        size_mb=3440,
        extra="full",
        requires=("torch", "torchvision", "transformers"),
        sources=(
            HubRepo(
                "facebook/sam3",
                "3c879f39826c281e95690f02c7821c4de09afae7",
                gated=True,
                instead="grounding-dino-tiny and sam2.1-tiny do the same in two steps",
            ),
        ),
    ),
    *(
        _sam(f"sam-vit-{_size}", f"SAM ViT-{_size}", _mb, HubRepo(f"facebook/sam-vit-{_size}", _at))
        for _size, _mb, _at in (
            ("base", 375, "70c1a07f894ebb5b307fd9eaaee97b9dfc16068f"),
            ("large", 1249, "6851e0441005b0fb96f2cc4dfac472f3d1b14af1"),
            ("huge", 2564, "87aecf0df4ce6b30cd7de76e87673c49644bdf67"),
        )
    ),
    *(
        _sam(
            f"sam-hq-vit-{_size}",
            f"SAM-HQ ViT-{_size}",
            _mb,
            HubRepo(f"syscv-community/sam-hq-vit-{_size}", _at),
        )
        for _size, _mb, _at in (
            ("base", 379, UNPINNED),
            ("large", 1255, UNPINNED),
            ("huge", 2570, "9d9d53502fbf666297e7eb3804f64137f930055e"),
        )
    ),
    _sam2(
        "sam2.1-tiny",
        "tiny",
        156.0,
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
    ),
    _sam2(
        "sam2.1-small",
        "small",
        184.4,
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    ),
    _sam2(
        "sam2.1-base-plus",
        "base_plus",
        323.6,
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    ),
    _sam2(
        "sam2.1-large",
        "large",
        898.1,
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
    ),
    Entry(
        "openai",
        "simplify",
        "edgeseg.engines.llm.server:simplifier",
        "Any language model behind OpenAI's interface: Ollama, vLLM, llama.cpp, hosted.",
        licence="the model's own",
        weights="a server",
        settings=("llm_url", "llm_model"),
    ),
    Entry(
        "openai",
        "extract",
        "edgeseg.engines.llm.server:extractor",
        "Any language model behind OpenAI's interface, as it simplifies.",
        licence="the model's own",
        weights="a server",
        settings=("llm_url", "llm_model"),
    ),
    *(
        _language_model(_role, _row)
        for _row in _LANGUAGE_MODELS
        for _role in _ASKED
        if _role != "detect" or _row[4]
    ),
    Entry(
        "dinov3-vitb16",
        "embed",
        "edgeseg.engines.dinov3:load",
        "DINOv3 ViT-B/16, by transformers.",
        licence="DINOv3 License",
        size_mb=343,
        extra="full",
        requires=("torch", "transformers"),
        sources=(
            HubRepo(
                "facebook/dinov3-vitb16-pretrain-lvd1689m",
                UNPINNED,
                gated=True,
                instead="nano embeds objects too",
            ),
        ),
    ),
    _edge_sam(
        "edge-sam",
        "A small SAM for devices without a large GPU.",
        "edge_sam.pth",
        "439b086a20ab6fba90c12cba32e0001ba3aa726da5791ff8738acdd440330991",
    ),
    _edge_sam(
        "edge-sam-3x",
        "EdgeSAM, trained three times as long.",
        "edge_sam_3x.pth",
        "5a3e3261da9e2f4c8154410885689ae57d09cbf4cf5d0c848b9d80b6df336ece",
    ),
    Entry(
        "mobile-sam",
        "segment",
        "edgeseg.engines.mobile_sam.engine:load",
        "SAM with TinyViT as its encoder.",
        size_mb=40.7,
        extra="full",
        requires=("torch",),
        sources=(
            WebFile(
                f"{_MOBILE_SAM}/weights/mobile_sam.pt",
                "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            ),
        ),
    ),
    Entry(
        "fpseg",
        "classify",
        "edgeseg.engines.fpseg.engine:load",
        "FPSeg with the encoder of SAM, MobileSAM or EdgeSAM, as you trained it.",
        extra="full",
        requires=("torch", "transformers"),
        sources=(OwnFile("fpseg.pth", "docs/fpseg.md"),),
    ),
)
