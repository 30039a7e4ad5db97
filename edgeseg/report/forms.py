"""JSON of entities in the two forms of generated-segmentation, and of its embeddings file.

The form "seed" is that of its documentation, "full" that of its later versions. Ours add, at the
end, ``judgement``, and for an image that failed ``error``.
"""

from __future__ import annotations

import json
import os
from typing import Any

from edgeseg.entity_result import EntitySegmentation, Form
from edgeseg.schemas import EntityObject, ImageEntities, Pairing


def to_json(found: EntitySegmentation, form: Form = "seed", *, comparison: bool = False) -> str:
    """Return the result in one of the forms, indented, with names as they are.

    ``comparison`` adds to the full form which contextual objects have the label of each object.
    """
    return _dumped(_seed(found) if form == "seed" else _full(found, comparison))


def embeddings_json(found: EntitySegmentation) -> str:
    """Return the embeddings of all objects; the result must have been asked for with them."""

    def rows(shown: ImageEntities) -> dict[str, Any]:
        return {
            "path": _path(shown, absolute=True),
            "objects": [
                {"object_id": each.object_id, "label": each.label, "dino_embedding": each.embedding}
                for each in shown.objects
            ],
        }

    result = found.result
    return _dumped(
        {
            "contextual_images": [rows(each) for each in result.contextual],
            "generated_image": rows(result.generated),
        }
    )


def _dumped(form: object) -> str:
    """Return JSON that UTF-8 can hold: a path that is not valid Unicode has its bytes escaped."""
    text = json.dumps(form, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _seed(found: EntitySegmentation) -> dict[str, Any]:
    result = found.result

    def rows(shown: ImageEntities) -> dict[str, Any]:
        objects = [
            {
                "object_id": each.object_id,
                "label": each.label,
                "bbox": _bbox(each),
                "score": each.score,
                "mask_rle": each.mask.counts,
            }
            for each in shown.objects
        ]
        return {"path": _path(shown), "objects": objects, **_about(shown)}

    return {
        "prompt": result.prompt,
        "entities": [each.label for each in result.entities],
        "contextual_images": [rows(each) for each in result.contextual],
        "generated_image": rows(result.generated),
        "judgement": _judgement(found),
    }


def _full(found: EntitySegmentation, comparison: bool) -> dict[str, Any]:
    result = found.result

    def rows(shown: ImageEntities) -> dict[str, Any]:
        objects = [
            {
                "object_id": each.object_id,
                "label": each.label,
                "bbox": _bbox(each),
                "mask": {"counts": each.mask.counts, "size": list(each.mask.size)},
                "score": each.score,
            }
            for each in shown.objects
        ]
        about = _about(shown)
        size = {"image_dimensions": about.pop("image_dimensions")}
        return {"path": _path(shown, absolute=True), **size, "objects": objects, **about}

    made: dict[str, Any] = {
        "text_prompt": result.prompt,
        "detected_entities": [each.label for each in result.entities],
        "contextual_images": [rows(each) for each in result.contextual],
        "generated_image": rows(result.generated),
        "box_format": "xyxy",
        "coordinate_unit": "pixels",
        "object_pairings": [_pairing(found, each) for each in result.pairings],
    }
    if comparison:
        made["comparison"] = _comparison(found)
    return {**made, "judgement": _judgement(found)}


def _judgement(found: EntitySegmentation) -> dict[str, Any] | None:
    return None if found.judgement is None else found.judgement.model_dump(mode="json")


def _about(shown: ImageEntities) -> dict[str, Any]:
    size = shown.image and {"width": shown.image.width, "height": shown.image.height}
    return {"image_dimensions": size, **({"error": shown.error} if shown.error else {})}


def _pairing(found: EntitySegmentation, pairing: Pairing) -> dict[str, Any]:
    images = found.result.contextual
    source = None if pairing.image is None else _path(images[pairing.image], absolute=True)
    return {
        "generated_object_id": pairing.generated,
        "generated_label": pairing.label,
        "best_contextual_object_id": pairing.contextual,
        "best_contextual_label": pairing.label if pairing.contextual is not None else None,
        "source_image": source,
        "cosine_similarity": -1.0 if pairing.cosine is None else pairing.cosine,
        "threshold": found.result.pairing_threshold,
        "paired": pairing.paired,
    }


def _comparison(found: EntitySegmentation) -> dict[str, Any]:
    result = found.result
    known = [(image, each) for image in result.contextual for each in image.objects]
    rows = [
        {
            "label": mine.label,
            "generated_object_id": mine.object_id,
            "generated_bbox": _bbox(mine),
            "generated_score": mine.score,
            "matched_contextual_objects": [
                {
                    "contextual_object_id": each.object_id,
                    "source_image": _path(image, absolute=True),
                    "contextual_bbox": _bbox(each),
                    "contextual_score": each.score,
                }
                for image, each in known
                if each.label == mine.label
            ],
        }
        for mine in result.generated.objects
    ]
    labels = {each.label for each in result.generated.objects}
    summary = {
        "total_generated_objects": len(result.generated.objects),
        "total_contextual_objects": len(known),
        "matched_labels": sorted(labels & {each.label for _, each in known}),
    }
    return {"comparisons": rows, "summary": summary}


def _bbox(shown: EntityObject) -> list[int]:
    return [int(value) for value in shown.box]


def _path(shown: ImageEntities, absolute: bool = False) -> str | None:
    if shown.file_name is None:
        return None
    return os.path.abspath(shown.file_name) if absolute else shown.file_name
