"""The report page: what it says, what it holds, and what it must never let through."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg.entities.judge import judge
from edgeseg.entity_result import EntitySegmentation
from edgeseg.report.page import report
from edgeseg.report.verdicts import differences, missing, short_names
from tests.unit.report.conftest import renamed

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Reads a page: its elements with attributes, and its text; all elements must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += "" if self._open[-1:] == ["style"] else f" {data}"

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def said(self) -> str:
        """Its text with single spaces."""
        return " ".join(self.text.split())


def test_what_is_missing_and_wrong_is_named_on_top(found: EntitySegmentation) -> None:
    assert missing(found.result) == ["bird (3 asked for)"]
    assert list(differences(found.result)) == [
        "red sofa: not red but blue",
        "red sofa: not the one in the references (cosine 0.25)",
        "black dog under red sofa: not so",
    ]
    said = Reader(report(found)).said
    top = said[: said.index(" References a/x.png")]
    for each in (*differences(found.result), "Missing: bird (3 asked for)"):
        assert each in top
    judged = found.judgement
    assert judged is not None
    assert judged.total is not None
    assert f"{judged.total:.0%}" in said
    assert "Things there 2 of 3" in said
    assert "Same as references 1 of 2" in said
    assert "The text was cut." in said
    assert "It was in CMYK." in said


def test_each_entity_and_relation_has_its_verdict_in_words(found: EntitySegmentation) -> None:
    said = Reader(report(found)).said
    assert re.search(r"black dog ✓ there ✓ 2 of 2 ✓ black 90%", said)
    assert re.search(r"red sofa ✓ there ✓ 1 of 1 ✗ red 0%", said)
    assert "cosine 0.25, below 0.50" in said
    assert "bird ✗ missing 0 of 3" in said
    assert "garden ? not found" in said
    assert "✗ does not hold black dog under red sofa" in said
    assert "? not both found bird above black dog" in said


def test_images_are_in_the_page(found: EntitySegmentation) -> None:
    page = Reader(report(found))
    images = [each for each in page.named("img") if each.get("class") != "cutout"]
    assert len(images) == 3
    assert len(page.named("img")) == 3 + 2, "and the two cut-outs of the pair"
    for each in page.named("img"):
        kind, _, data = str(each["src"]).partition(",")
        assert kind == "data:image/jpeg;base64"
        assert max(PIL.Image.open(io.BytesIO(base64.b64decode(data))).size) <= 1200
        assert each["alt"]
    assert "broken.png" in page.said
    assert "The file is not a valid image. invalid_image" in page.said


def test_nothing_is_loaded_or_run(found: EntitySegmentation) -> None:
    page = Reader(report(found))
    assert {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "a"} == set()
    policy = next(each["content"] for each in page.named("meta") if "http-equiv" in each)
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    sources = [each for _, attributes in page.elements for each in attributes.items()]
    assert all(str(value).startswith("data:") for name, value in sources if name == "src")
    assert not {"href", "srcset", "action", "background"} & {name for name, _ in sources}
    assert "url(" not in report(found)
    assert "@import" not in report(found)


EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;{}%"


def test_whatever_comes_from_outside_is_escaped(found: EntitySegmentation) -> None:
    """Every text in the result becomes hostile; the page has the same elements as before."""
    plain = Reader(report(found))
    data = found.result.model_dump(mode="json")

    def poisoned(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {
                EVIL if key == "colours" else name: poisoned(each, name)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [poisoned(each) for each in value]
        kept = {"counts", "kind", "status", "task_id"}
        return f"{value}{EVIL}" if isinstance(value, str) and key not in kept else value

    result = type(found.result).model_validate(poisoned(data))
    engines = {"detect": {"name": EVIL, "device": EVIL, "dtype": EVIL}}
    result = type(result).model_validate({**result.model_dump(mode="json"), "engines": engines})
    page = Reader(report(EntitySegmentation(result, found.sources)))
    extra = {tag for tag, _ in page.elements} - {tag for tag, _ in plain.elements}
    assert extra == set()
    assert len(page.named("img")) == len(plain.named("img"))
    names = {name for _, attributes in page.elements for name in attributes}
    assert names == {name for _, attributes in plain.elements for name in attributes}
    assert page.said.count("<script>alert(1)</script>") > 20


def test_a_generated_image_that_failed_is_not_judged(found: EntitySegmentation) -> None:
    update = {"generated": found.result.contextual[1], "pairings": [], "judgement": None}
    result = found.result.model_copy(update=update)
    broken = EntitySegmentation(result, [*found.sources[:-1], found.sources[1]])
    said = Reader(report(broken)).said
    assert "Not judged: the generated image could not be read." in said
    assert "%" not in said


def test_a_flawless_image_is_said_to_be_so(found: EntitySegmentation) -> None:
    result = found.result
    entities = [result.entities[1].model_copy(update={"colours": ["blue"]})]
    sofa = result.generated.objects[2].model_copy(update={"entity": 0})
    generated = result.generated.model_copy(update={"objects": [sofa]})
    update = {
        "entities": entities, "relations": [], "contextual": [], "generated": generated,
        "pairings": [], "judgement": judge(entities, [], generated, [], []),
    }  # fmt: skip
    said = Reader(
        report(EntitySegmentation(result.model_copy(update=update), found.sources[-1:]))
    ).said
    assert "100% 3 of 3 checks passed" in said
    assert "All that could be checked is as asked for." in said
    assert "No references were given." in said
    assert "no reference shows it" in said


def test_nothing_to_judge(found: EntitySegmentation) -> None:
    entities = found.result.entities[3:]
    generated = found.result.generated.model_copy(update={"objects": []})
    update = {
        "entities": entities, "relations": [], "contextual": [], "generated": generated,
        "pairings": [], "judgement": judge(entities, [], generated, [], []),
    }  # fmt: skip
    bare = EntitySegmentation(found.result.model_copy(update=update), found.sources[-1:])
    said = Reader(report(bare)).said
    assert "nothing could be judged" in said
    assert "All that could be checked" not in said


def test_names_are_short_and_tell_images_apart(found: EntitySegmentation, tmp_path: Path) -> None:
    assert short_names(found.result) == ["a/x.png", "broken.png", "b/x.png", "g ü.png"]
    assert str(tmp_path) not in report(found)
    odd = renamed(renamed(found, 0, None), 2, "C:\\photos\\x.png")
    assert short_names(odd.result) == ["image 1", "broken.png", "x.png", "g ü.png"]
    same = renamed(renamed(found, 0, "x.png"), 2, "x.png")
    assert short_names(same.result)[0] == short_names(same.result)[2] == "x.png"


def test_a_name_that_is_not_unicode_can_be_written(
    found: EntitySegmentation, tmp_path: Path
) -> None:
    renamed(found, 0, "a\udcff.png").report(tmp_path / "r.html")
    assert "a?.png" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 4000), (4000, 3)])
def test_any_size_of_image(found: EntitySegmentation, size_hw: tuple[int, int]) -> None:
    """The image need not be of the size that it was when it was segmented."""
    pixels = np.full((*size_hw, 3), 90, np.uint8)
    odd = EntitySegmentation(found.result, [*found.sources[:-1], pixels])
    assert len(Reader(report(odd)).named("img")) == 5


def test_a_long_prompt_is_whole(found: EntitySegmentation) -> None:
    prompt = "ein Hund und eine Katze, " * 160
    result = found.result.model_copy(update={"prompt": prompt})
    page = Reader(report(EntitySegmentation(result, found.sources)))
    assert prompt.strip() in page.said
    assert page.named("h1")[0]["class"] == "long"
