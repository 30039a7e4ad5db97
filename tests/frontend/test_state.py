"""Edits, corrections and Undo of one result, and the files that are made of it."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.codecs import encode_png, rle_to_mask
from edgeseg.exporters import FORMATS
from edgeseg.render import scaled
from edgeseg.schemas import Point
from frontend import bundle, images, refine, samples
from frontend.results import take_edits
from frontend.state import Entry, History, Photo
from tests.frontend.conftest import LocalClient


@pytest.fixture
def entry(client: LocalClient) -> Entry:
    photo = samples.sample(samples.DRAWN)
    task_id = client.submit(photo.data, "ball . sky . grass .")
    return Entry(photo, "ball . sky . grass .", client._tasks[task_id], batch=1)


def rows(entry: Entry, **changes: object) -> list[dict[str, object]]:
    made: list[dict[str, object]] = [
        {"show": True, "label": each.label} for each in entry.segmentation.objects
    ]
    made[0].update(changes)
    return made


def test_hidden_objects_leave_and_the_others_keep_their_colours(entry: Entry) -> None:
    second = entry.segmentation.objects[1]
    colour = entry.colour(second.id)
    take_edits(entry, rows(entry, show=False))
    assert [each.id for each in entry.shown] == [1, 2]
    assert entry.colour(second.id) == colour
    assert [each.id for each in entry.result.objects] == [1, 2]


def test_renamed_objects_are_renamed_everywhere(entry: Entry) -> None:
    take_edits(entry, rows(entry, label="red ball"))
    assert entry.shown[0].label == "red ball"
    assert json.loads(bundle.result_json(entry))["objects"][0]["label"] == "red ball"
    coco = json.loads(bundle.exported([entry], "coco")[2])
    assert "red ball" in {row["name"] for row in coco["categories"]}
    name, _, data = bundle.exported([entry], "coco", with_images=True)
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert entry.photo.data in [archive.read(each) for each in archive.namelist()]
    take_edits(entry, rows(entry, label="  "))
    assert entry.names == {}


def test_points_add_up_and_undo_takes_them_back(entry: Entry, client: LocalClient) -> None:
    before = entry.segmentation.objects
    refine.add_point(entry, 0, Point(x=300, y=200, label=1))
    refine.add_point(entry, 0, Point(x=310, y=210, label=0))
    assert [len(each["points"]) for each in client.refined] == [1, 2]
    assert entry.segmentation.objects[0].mask != before[0].mask
    assert entry.segmentation.objects[1:] == before[1:]
    assert entry.undo_last()
    assert len(entry.points[0]) == 1
    assert entry.undo_last()
    assert entry.segmentation.objects == before
    assert (entry.points, entry.undo) == ({}, [])
    assert not entry.undo_last()


def test_clear_takes_all_masks_off_and_undo_brings_them_back(
    entry: Entry, client: LocalClient
) -> None:
    before, version = entry.segmentation.objects, entry.version
    entry.clear()
    assert (entry.segmentation.objects, entry.points, entry.chosen) == ([], {}, None)
    assert entry.version > version
    refine.add_point(entry, None, Point(x=300, y=200, label=1))
    assert len(entry.segmentation.objects) == 1
    assert entry.undo_last()
    assert entry.segmentation.objects == []
    assert entry.undo_last()
    assert entry.segmentation.objects == before


def test_after_undo_the_server_is_told_where_the_object_is(
    entry: Entry, client: LocalClient
) -> None:
    box = entry.segmentation.objects[0].box
    refine.add_point(entry, 0, Point(x=300, y=200, label=1))
    entry.undo_last()
    refine.add_point(entry, 0, Point(x=100, y=100, label=1))
    assert [point["x"] for point in client.refined[-1]["points"]] == [100]
    refine.add_point(entry, 0, Point(x=120, y=100, label=1))
    assert [each["box"] for each in client.refined] == [None, box, None]


def test_a_box_makes_a_new_object(entry: Entry) -> None:
    refine.take_corners(entry, None, (400, 300), (200, 100), is_tap=False)
    made = entry.segmentation.objects[-1]
    assert (made.id, made.label) == (3, "object")
    mask = rle_to_mask(made.mask)
    assert mask[200, 300]
    assert not mask[:100].any()
    assert not mask[:, 400:].any()
    assert entry.chosen == 3


def test_two_taps_make_a_box(entry: Entry) -> None:
    refine.take_corners(entry, None, (200, 100), (200, 100), is_tap=True)
    assert len(entry.segmentation.objects) == 3
    refine.take_corners(entry, None, (400, 300), (400, 300), is_tap=True)
    assert len(entry.segmentation.objects) == 4
    assert rle_to_mask(entry.segmentation.objects[-1].mask)[200, 300]


def test_a_new_object_cannot_start_with_where_it_is_not(entry: Entry, client: LocalClient) -> None:
    refine.add_point(entry, None, Point(x=5, y=5, label=0))
    assert client.refined == []


def test_the_overlay_has_the_size_of_the_image_and_cutouts_are_transparent(entry: Entry) -> None:
    with PIL.Image.open(io.BytesIO(bundle.overlay_png(entry))) as pil_image:
        assert pil_image.size == (640, 420)
    made = bundle.cutouts(entry)
    assert len(made) == 3
    first = entry.shown[0]
    with PIL.Image.open(io.BytesIO(next(iter(made.values())))) as pil_image:
        alpha = np.asarray(pil_image)[:, :, 3]
    assert int((alpha == 255).sum()) == first.area
    assert int((alpha == 0).sum()) == alpha.size - first.area


def test_a_batch_is_one_zip_with_everything(entry: Entry) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.batch_zip([entry, entry]))) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    for stem in ("balls", "2/balls"):
        assert {f"{stem}/overlay.png", f"{stem}/result.json"} <= set(names)
        assert sum(name.startswith(f"{stem}/cutouts/") for name in names) == 3
    for format_name in FORMATS:
        assert any(name.startswith(f"exports/{format_name}/") for name in names), format_name


def test_large_images_are_drawn_at_the_size_of_a_screen() -> None:
    photo = Photo.from_bytes("large.png", encode_png(np.full((300, 2600, 3), 90, np.uint8)))
    with EdgeSegAI("fake", "fake", "fake") as engines:
        made = engines.segment_image(image=photo.data, prompt="thing")
    small = images.on_screen(photo.data)
    assert max(small.size_hw) == images.SCREEN_PX
    (each,) = scaled(made.objects, small.size_hw)
    share = each.area / (small.size_hw[0] * small.size_hw[1])
    assert share == pytest.approx(made.objects[0].area / (300 * 2600), rel=0.05)
    assert images.draw(photo.data, made.objects, [(255, 0, 0)]).size == small.size_hw[::-1]


def test_the_history_keeps_batches_together(entry: Entry) -> None:
    history = History()
    other = Entry(entry.photo, "x", entry.segmentation, batch=2)
    history.add([entry])
    history.add([other])
    assert history.opened is other
    assert history.batch_of(entry) == [entry]
