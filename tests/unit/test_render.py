"""Overlays show what is there, and their labels can be read."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from edgeseg import render
from edgeseg.codecs import mask_to_rle
from edgeseg.schemas import SegmentedObject
from edgeseg.types import Box, Image


def thing(
    box: Box, number: int = 0, label: str = "cat", size: tuple[int, int] = (200, 300)
) -> SegmentedObject:
    mask = np.zeros(size, bool)
    mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
    return SegmentedObject(
        id=number, label=label, score=0.5, box=box, mask=mask_to_rle(mask), area=int(mask.sum())
    )


def plain(shade: int, size: tuple[int, int] = (200, 300)) -> Image:
    return Image.from_array(np.full((*size, 3), shade, np.uint8))


def test_neighbouring_colours_differ() -> None:
    colours = np.array([render.colour_of(index) for index in range(40)], float)
    apart = np.linalg.norm(colours[1:] - colours[:-1], axis=1)
    assert apart.min() > 90
    first = np.linalg.norm(colours[:6, None] - colours[None, :6], axis=2)
    assert first[~np.eye(6, dtype=bool)].min() > 60
    assert len({tuple(row) for row in colours}) == 40


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_inside_is_tinted_and_the_outside_left_alone(shade: int) -> None:
    image = plain(shade)
    box = (100.0, 60.0, 200.0, 140.0)
    drawn = np.asarray(render.overlay(image, [thing(box)], labels=False, opacity=0.5))
    expected = (shade + np.array(render.colour_of(0))) / 2
    assert np.allclose(drawn[100, 150], expected, atol=1)
    outside = np.ones((200, 300), bool)
    outside[60:140, 100:200] = False
    assert (drawn[outside] == shade).all()
    assert (drawn[60, 100:200] == render.colour_of(0)).all()
    assert (image.rgb == shade).all()


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("index", range(8))
def test_labels_have_contrast_on_any_background(shade: int, index: int) -> None:
    """At least 3:1 between the plate and the ink, whatever lies below."""
    things = [thing((0.0, 0.0, 0.0, 0.0), number) for number in range(index)]
    things.append(thing((50.0, 120.0, 250.0, 190.0), index, "MMMMMM"))
    drawn = np.asarray(render.overlay(plain(shade), things, masks=False, boxes=False))
    row = drawn[121 - 14 : 121, 52:100].reshape(-1, 3)
    light = [render._luminance((int(r), int(g), int(b))) for r, g, b in row]
    assert (max(light) + 0.05) / (min(light) + 0.05) > 3


def test_labels_do_not_cover_each_other() -> None:
    things = [thing((100.0, 50.0, 150.0, 100.0), number, f"thing {number}") for number in range(5)]
    drawn = np.asarray(render.overlay(plain(255), things, masks=False, boxes=False))
    for number in range(5):
        plate = (drawn == render.colour_of(number)).all(axis=2)
        assert plate.sum() > 200


@pytest.mark.parametrize("size", [(1, 1), (8, 400), (400, 8), (33, 65)])
def test_any_size(size: tuple[int, int]) -> None:
    box = (0.0, 0.0, float(size[1]), float(size[0]))
    drawn = render.overlay(plain(9, size), [thing(box, size=size, label="a long label " * 9)])
    assert drawn.size == size[::-1]


def test_an_empty_mask_and_no_objects_leave_the_image() -> None:
    nothing = thing((0.0, 0.0, 0.0, 0.0))
    drawn = np.asarray(render.overlay(plain(7), [nothing], labels=False))
    assert (drawn == 7).all()
    assert (np.asarray(render.overlay(plain(7), [])) == 7).all()


def test_colours_can_be_given() -> None:
    box = (100.0, 60.0, 200.0, 140.0)
    drawn = np.asarray(render.overlay(plain(0), [thing(box)], opacity=1, colours=[(1, 2, 3)]))
    assert tuple(drawn[100, 150]) == (1, 2, 3)
    with pytest.raises(ValueError, match="colours: expected 1, got 2"):
        render.overlay(plain(0), [thing(box)], colours=[(1, 2, 3)] * 2)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_dashed_outline_is_seen_anywhere_and_leaves_the_inside(shade: int) -> None:
    box = (100.0, 60.0, 200.0, 140.0)
    grey = (150, 150, 150)
    drawn = np.asarray(
        render.overlay(
            plain(shade), [thing(box)], labels=False, boxes=False, colours=[grey], dashed=[0]
        )
    )
    assert (drawn[70:130, 110:190] == shade).all()
    assert (drawn[:50] == shade).all()
    edge = drawn[60, 100:200].astype(int).sum(axis=1) // 3
    assert (edge > 100).sum() > 20, "dashes"
    assert (edge < 50).sum() > 20, "gaps"


def test_dashes_follow_any_mask() -> None:
    noise = np.random.default_rng(0).random((60, 80)) < 0.5
    empty = np.zeros((60, 80), bool)
    shapes = [
        SegmentedObject(
            id=i, label="x", score=0.5, box=(0, 0, 80, 60), mask=mask_to_rle(mask), area=1
        )
        for i, mask in enumerate((noise, empty))
    ]
    drawn = render.overlay(plain(9, (60, 80)), shapes, dashed=[0, 1])
    assert drawn.size == (80, 60)
    with pytest.raises(ValueError, match=r"expected size \(10, 10\)"):
        render.overlay(plain(0, (10, 10)), shapes, dashed=[0, 1])


def test_captions_can_be_given() -> None:
    box = (100.0, 60.0, 200.0, 140.0)

    def drawn(*captions: str) -> bytes:
        pil_image = render.overlay(plain(0), [thing(box)], captions=captions or None)
        return pil_image.tobytes()

    assert drawn("cat 0.50") == drawn()
    assert drawn("cat: 0.50") != drawn()
    with pytest.raises(ValueError, match="captions: expected 1, got 2"):
        drawn("cat", "dog")


def test_images_and_objects_are_shrunk_together() -> None:
    image = render.shrunk(plain(9, (400, 600)), 300)
    assert image.size_hw == (200, 300)
    (each,) = render.scaled([thing((100.0, 60.0, 200.0, 140.0))], (100, 150))
    assert each.box == (50.0, 30.0, 100.0, 70.0)
    assert each.mask.size == (100, 150)
    assert each.area == 50 * 40
    assert render.shrunk(image, 300) is image


def test_a_reduced_overlay_shows_the_same_smaller() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (401, 603, 3), dtype=np.uint8)
    image = Image.from_array(noise)
    drawn = np.asarray(render.overlay(image, [], reduction=3))
    assert drawn.shape == (134, 201, 3)
    means = noise[:399].reshape(133, 3, 201, 3, 3).mean(axis=(1, 3))
    assert np.abs(drawn[:133] - means).max() <= 1, "strips leave no seams"
    box = (90.0, 60.0, 300.0, 240.0)
    red = [(255, 0, 0)]
    small = render.overlay(
        image, [thing(box, size=(401, 603))], labels=False, opacity=1, colours=red, reduction=3
    )
    is_red = (np.asarray(small) == red).all(axis=2)
    assert is_red[20:80, 30:100].all()
    assert is_red.sum() == 60 * 70


def test_a_preview_is_a_small_jpeg_and_copies_only_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    fromarray = PIL.Image.fromarray

    def watched(array: npt.NDArray[np.generic]) -> PIL.Image.Image:
        copied.append(array.nbytes)
        return fromarray(array)

    monkeypatch.setattr(PIL.Image, "fromarray", watched)
    image = plain(90, (1700, 3300))
    things = [thing((100.0, 60.0, 900.0, 640.0), size=(1700, 3300))]
    data = render.encoded_overlay(image, things, None, "jpeg")
    with PIL.Image.open(io.BytesIO(data)) as preview:
        assert (preview.format, preview.size) == ("JPEG", (1100, 567))
    assert max(copied) < image.rgb.nbytes / 8
    with PIL.Image.open(io.BytesIO(render.encoded_overlay(image, things, None, "png"))) as full:
        assert (full.format, full.size) == ("PNG", (3300, 1700))
        assert full.tobytes() == render.overlay(image, things).tobytes()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected size \(10, 10\)"):
        render.overlay(plain(0, (10, 10)), [thing((0.0, 0.0, 5.0, 5.0))])
    with pytest.raises(ValueError, match=r"expected size \(10, 10\)"):
        render.overlay(plain(0, (10, 10)), [thing((0.0, 0.0, 5.0, 5.0))], reduction=2)
    with pytest.raises(ValueError, match="opacity"):
        render.overlay(plain(0), [], opacity=2)


def test_contact_sheet() -> None:
    images = [PIL.Image.new("RGB", size, "red") for size in ((300, 200), (100, 400), (50, 50))]
    sheet = render.contact_sheet(images, ["one", "two", "three " * 50], columns=2, cell_px=120)
    pixels = np.asarray(sheet)
    assert sheet.size == (2 * 124 + 4, 2 * 134 + 4)
    assert ((pixels == (255, 0, 0)).all(axis=2)).sum() == 120 * 80 + 30 * 120 + 50 * 50
    with pytest.raises(ValueError, match="expected 3, got 1"):
        render.contact_sheet(images, ["one"])
    with pytest.raises(ValueError, match="at least one"):
        render.contact_sheet([], [])
