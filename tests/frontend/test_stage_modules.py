"""The modules of the stage: their own tests, and their masks beside those of pycocotools."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from edgeseg.codecs import mask_to_rle

STAGE = Path(__file__).parents[2] / "frontend" / "stage"


def _node(*arguments: str, text: str | None = None) -> str:
    program = shutil.which("node")
    assert program is not None, "node is missing: https://nodejs.org, version 20 or later"
    done = subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_their_own_tests_pass() -> None:
    assert "# fail 0" in _node("--test", "--test-reporter=tap", str(STAGE / "tests"))


def test_counts_are_those_of_pycocotools() -> None:
    random = np.random.default_rng(7)
    masks = [random.random(size) < share for size in ((7, 5), (90, 130)) for share in (0.02, 0.6)]
    masks += [np.zeros((6, 4), bool), np.ones((6, 4), bool), np.eye(40, dtype=bool)]
    masks.append(np.pad(np.ones((500, 900), bool), 700))
    run_lengths = [mask_to_rle(mask) for mask in masks]
    script = f"""
        import {{ area, decode, encode }} from {json.dumps((STAGE / "rle.js").as_uri())};
        import {{ readFileSync }} from "node:fs";
        const masks = JSON.parse(readFileSync(0, "utf8"));
        const runs = masks.map((mask) => decode(mask.counts, mask.size));
        console.log(JSON.stringify(runs.map((each) => [encode(each), area(each)])));
    """
    text = json.dumps([each.model_dump() for each in run_lengths])
    answers = json.loads(_node("--input-type=module", "--eval", script, text=text))
    assert [counts for counts, _ in answers] == [each.counts for each in run_lengths]
    assert [pixels for _, pixels in answers] == [int(mask.sum()) for mask in masks]
