"""What a request costs, and what is said of one that costs too much."""

from __future__ import annotations

from typing import Any

import pytest

from edgeseg.budget import cost_of, require_clicks_within, require_within
from edgeseg.errors import RequestTooCostlyError
from edgeseg.schemas import DetectRequest, MasksRequest
from edgeseg.settings import Settings

LIMIT = Settings().max_request_cost
LARGEST_HW = (7680, 10240)
PHRASES = " . ".join(f"thing {number}" for number in range(100))


def request(**fields: Any) -> DetectRequest:
    return DetectRequest.model_validate({"text_prompt": "cat", "simplify": "never", **fields})


def cost(size_hw: tuple[int, int], **fields: Any) -> float:
    wanted = request(**fields)
    return cost_of(wanted, None, size_hw)


def test_the_example_of_the_module() -> None:
    twenty = " . ".join(f"thing {number}" for number in range(20))
    costs = [
        round(cost((3000, 4000), text_prompt=twenty, tile=tile))
        for tile in ("never", "auto", "always")
    ]
    assert costs == [30, 390, 1502]


@pytest.mark.parametrize(
    ("size_hw", "fields"),
    [
        (LARGEST_HW, {"text_prompt": PHRASES}),
        (LARGEST_HW, {"tile": "always"}),
        ((4000, 6000), {"text_prompt": "cat . dog . bird", "tile": "always"}),
        ((480, 640), {"text_prompt": PHRASES, "negative_prompt": PHRASES, "tile": "always"}),
    ],
)
def test_ordinary_requests_are_taken(size_hw: tuple[int, int], fields: dict[str, Any]) -> None:
    wanted = request(**fields)
    assert require_within(LIMIT, wanted, None, size_hw) <= LIMIT


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"text_prompt": PHRASES, "tile": "always"}, "at most 4 phrases or tile=auto"),
        ({"negative_prompt": PHRASES, "tile": "always"}, "at most 4 phrases or tile=auto"),
        (
            {
                "text_prompt": PHRASES,
                "negative_prompt": PHRASES.replace("thing", "other") + " . x" * 9,
                "tile": "auto",
                "limit": 1000,
            },
            "at most 66 phrases or tile=never",
        ),
        ({"tile": "never", "limit": 5}, "a smaller image."),
    ],
)
def test_what_is_too_much_says_what_to_lower(fields: dict[str, Any], advice: str) -> None:
    limit = float(fields.pop("limit", LIMIT))
    wanted = request(**fields)
    with pytest.raises(RequestTooCostlyError, match=advice) as refused:
        require_within(limit, wanted, None, LARGEST_HW)
    assert refused.value.extra["cost"] > limit == refused.value.extra["limit"]
    # Who does as is said is within the limit.
    if "phrases" in advice:
        most = int(advice.split()[2])
        text = " . ".join(f"thing {number}" for number in range(most))
        less = request(text_prompt=text, tile=fields["tile"])
        require_within(limit, less, None, LARGEST_HW)


def clicks(size_hw: tuple[int, int], **fields: Any) -> float:
    return require_clicks_within(LIMIT, MasksRequest.model_validate(fields), size_hw)


def test_clicks_cost_half_a_phrase_in_each_crop() -> None:
    assert clicks((1000, 1000), points_per_side=16) == 256 / 2 + 10
    assert clicks((3000, 4000), points_per_side=16) == 256 / 2 + 10
    assert clicks((500, 1000), points_per_side=16) == (256 / 2 + 10) / 2
    closer = clicks((3000, 4000), points_per_side=16, crop_layers=1)
    assert closer == (256 / 2 + 10) + 4 * (64 / 2 + 10)


def test_too_many_clicks_say_what_to_lower() -> None:
    assert clicks(LARGEST_HW, points_per_side=64) < LIMIT
    with pytest.raises(
        RequestTooCostlyError, match="fewer points_per_side or crop_layers"
    ) as caught:
        clicks(LARGEST_HW, points_per_side=64, crop_layers=2)
    assert caught.value.extra["clicks"] == 3 * 64 * 64
