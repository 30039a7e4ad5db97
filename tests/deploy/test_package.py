"""The wheel installs one name and runs from in there; the source distribution is whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT
from tests.training.distillation import write_sa1b

SERVICES = ("backend", "frontend", "simplifier_service", "grounding_dino_service", "sam2_service")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as it lies in site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_installs_one_name(installed: Path) -> None:
    names = [each.name for each in installed.iterdir() if not each.name.endswith(".dist-info")]
    assert names == ["edgeseg"]
    for service in SERVICES:
        assert (installed / "edgeseg" / "_services" / service / "__init__.py").is_file()


def test_an_installed_stack_runs_its_own_services(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    code = (
        "import subprocess, sys\n"
        "from edgeseg.platforms import module_environment\n"
        "show = 'import backend, edgeseg; print(backend.__file__); print(edgeseg.__file__)'\n"
        "subprocess.run([sys.executable, '-P', '-c', show], env=module_environment(), check=True)"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert all(line.startswith(str(installed)) for line in done.stdout.split())
    demo = [sys.executable, "-P", "-m", "edgeseg", "demo", "--engines", "fake", "--out", "drawn"]
    subprocess.run(demo, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "drawn" / "all.png").is_file()


def test_an_installed_package_trains(installed: Path, tmp_path: Path) -> None:
    write_sa1b(tmp_path / "images", ["one", "two"])
    (tmp_path / "mine.yaml").write_text(
        "base: annotations\n"
        "data: {train: {format: sa1b, images: [images]}, views: false, workers: 0}\n"
        "student: {width: 0.25, sizes_px: [64]}\n"
        "optimisation: {minutes: null, steps: 1, batch: 1}\n"
    )
    command = [sys.executable, "-P", "-m", "edgeseg", "edge-sam", "train", "--config", "mine.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    subprocess.run([*command, "--output", "run"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "run" / "last.pt").stat().st_size > 10e6


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git what belongs to the project")
def test_the_source_distribution_holds_what_its_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    assert [name for name in tracked if name and name not in held and "/.git" not in name] == []
