"""What `edgeseg up` and `demo` say of a better detector than nano's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.cli.up import better_detector
from edgeseg.engines import registry
from edgeseg.settings import read_settings
from edgeseg.testing.checkpoints import nanodet


def test_one_line_says_what_is_left_to_do_for_a_better_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(weights_dir=tmp_path)
    assert better_detector(settings).endswith(
        "2.4 MB: edgeseg engines pull nanodet-plus, then EDGESEG_ENGINES=compact"
    )
    (source,) = registry.find("detect", "nanodet-plus").sources
    nanodet.write(tmp_path / source.folder)
    assert better_detector(settings).endswith("2.4 MB: EDGESEG_ENGINES=compact")
    monkeypatch.setattr("edgeseg.engines.spec.importlib.util.find_spec", lambda name: None)
    assert ': pip install "edgeseg[compact]", then' in better_detector(settings)
    for other in ("compact", "full", "fake"):
        assert better_detector(settings.model_copy(update={"engines": other})) == ""
