"""What the images are made of: Dockerfiles, pinned packages, the probe."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.compose import ROOT

PYTHON_IMAGES = {
    "backend": "api",
    "frontend": "ui",
    "simplifier_service": "worker",
    "grounding_dino_service": "worker",
    "sam2_service": "worker",
}
# The API and the UI run no engine; the UI has no command line either.
LEFT_OUT = {"backend": {"onnxruntime"}, "frontend": {"onnxruntime", "typer"}}


@pytest.mark.parametrize("folder", [*PYTHON_IMAGES, "deploy/redis", "deploy/gateway"])
def test_images_run_as_a_user_and_build_with_any_builder(folder: str) -> None:
    text = (ROOT / folder / "Dockerfile").read_text()
    users = ("10001:10001", "redis", "www-data")
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] in users
    # Docker's first builder, which docker-compose 1.29 uses, knows none of these.
    assert not re.search(r"RUN --|COPY --(?!from)|ADD --|<<|^# syntax", text, re.MULTILINE)
    assert not re.search(r"\bADD\b|:latest|curl|wget", text)


@pytest.mark.parametrize("folder", PYTHON_IMAGES)
def test_images_are_built_in_stages_and_code_comes_after_packages(folder: str) -> None:
    text = (ROOT / folder / "Dockerfile").read_text()
    assert text.count("\nFROM ") == 2
    lines = text.splitlines()
    install = max(i for i, line in enumerate(lines) if "pip install" in line)
    code = next(i for i, line in enumerate(lines) if line.startswith("COPY edgeseg"))
    assert install < code
    assert lines[-1].startswith("CMD")


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("*/requirements*.txt")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_requirements_are_pinned(path: Path) -> None:
    pins = [Requirement(line) for line in lines_of(path)]
    assert pins
    for pin in pins:
        assert [each.operator for each in pin.specifier] == ["=="], pin


@pytest.mark.parametrize("folder", PYTHON_IMAGES)
def test_pins_are_what_the_project_asks_for(folder: str) -> None:
    wanted = project_requirements() + project_requirements(PYTHON_IMAGES[folder])
    check_pins(ROOT / folder / "requirements.txt", wanted, LEFT_OUT.get(folder, set()))


@pytest.mark.parametrize("folder", ["simplifier_service", "grounding_dino_service", "sam2_service"])
def test_full_pins_are_what_the_project_asks_for(folder: str) -> None:
    path = ROOT / folder / "requirements-full.txt"
    check_pins(path, project_requirements() + project_requirements("worker", "full"), set())
    assert not re.search(r"^(nvidia|cuda|triton)", path.read_text(), re.MULTILINE)


def test_the_compact_detector_has_its_runtime_and_no_torch() -> None:
    path = ROOT / "grounding_dino_service/requirements-compact.txt"
    check_pins(path, project_requirements() + project_requirements("worker", "compact"), set())
    assert "torch" not in {Requirement(line).name for line in lines_of(path)}
    for folder, list_ in {
        "simplifier_service": "requirements.txt",
        "grounding_dino_service": "requirements-compact.txt",
        "sam2_service": "requirements.txt",
    }.items():
        assert requirements_for(folder, "compact") == list_
        assert requirements_for(folder, "nano") == "requirements.txt"
        assert requirements_for(folder, "full") == "requirements-full.txt"


def requirements_for(folder: str, engines: str) -> str:
    """Return the list that a Dockerfile installs for engines, as its shell chooses it."""
    text = (ROOT / folder / "Dockerfile").read_text()
    choice = re.findall(r"^RUN (case [^\n]*? list=.* esac)", text, re.MULTILINE)[0]
    script = f"ENGINES={engines}; {choice}; echo $list"
    return subprocess.run(
        ["sh", "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("folder", PYTHON_IMAGES)
def test_the_small_images_hold_no_torch(folder: str) -> None:
    names = {Requirement(line).name for line in lines_of(ROOT / folder / "requirements.txt")}
    assert not names & {"torch", "torchvision", "transformers", "sam2"}


@pytest.mark.parametrize(
    "what_runs",
    [
        "import backend.__main__; from backend.app import create_app; create_app()",
        "sys.argv[1:] = ['engines', '--json']; from edgeseg.cli import main; main()",
        "sys.argv[1:] = ['engines', 'pull', 'nano']; from edgeseg.cli import main; main()",
    ],
    ids=["the API", "the list of engines", "fetching weights"],
)
def test_the_api_needs_none_of_the_packages_that_its_image_leaves_out(what_runs: str) -> None:
    pins = {Requirement(line).name for line in lines_of(ROOT / "backend/requirements.txt")}
    left_out = {"onnxruntime", "flatbuffers", "google.protobuf"}
    assert not pins & {*left_out, "protobuf"}
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(left_out)}))"
    run = [sys.executable, "-c", f"{block}; {what_runs}"]
    subprocess.run(run, cwd=ROOT, check=True, capture_output=True, timeout=120)


def test_what_is_sent_to_the_engine_holds_what_the_images_copy() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for folder in (*PYTHON_IMAGES, "deploy/redis", "deploy/gateway"):
        text = (ROOT / folder / "Dockerfile").read_text()
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
            for source in sources.split():
                assert any(source == each or source.startswith(f"{each}/") for each in allowed), (
                    source
                )


class Answers(BaseHTTPRequestHandler):
    """Answers /good with 200 and everything else with 503."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server whose /good is well and whose other pages are not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_probe_ends_well_only_when_every_page_answers_200(url: str) -> None:
    assert probe(f"{url}/good", f"{url}/good").returncode == 0
    bad = probe(f"{url}/good", f"{url}/bad")
    assert bad.returncode == 1
    assert "answered 503" in bad.stderr
    nobody = probe("http://127.0.0.1:1/")
    assert nobody.returncode == 1
    assert "refused" in nobody.stderr


def probe(*urls: str) -> subprocess.CompletedProcess[str]:
    """Run the probe as the containers do."""
    command = [sys.executable, "-I", "-S", str(ROOT / "deploy/probe.py"), *urls]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def lines_of(path: Path) -> list[str]:
    """Return the requirements of a file, without their hashes."""
    return [
        line.removesuffix(" \\") for line in path.read_text().splitlines() if line[:1].isalnum()
    ]


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("*/requirements*.txt")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_requirement_has_its_hashes(path: Path) -> None:
    text = path.read_text().replace("\\\n", "")
    rows = [row for row in text.splitlines() if row[:1].isalnum()]
    assert [row for row in rows if not re.search(r"--hash=sha256:[0-9a-f]{64}", row)] == []
    # Hashes without a requirement are what pip refuses to read.
    others = [row for row in text.splitlines() if row and not row[:1].isalnum()]
    assert [row for row in others if not row.startswith("#")] == []


def project_requirements(*extras: str) -> list[Requirement]:
    """Return what the project, or its extras and those within, need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if not extras:
        return [Requirement(line) for line in project["dependencies"]]
    found = []
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            need = Requirement(line)
            found += project_requirements(*need.extras) if need.name == "edgeseg" else [need]
    return found


def check_pins(path: Path, wanted: list[Requirement], left_out: set[str]) -> None:
    """Assert that each wanted package is pinned to a version that is allowed."""
    pins = [Requirement(line) for line in lines_of(path)]
    for need in wanted:
        if need.name in left_out:
            continue
        mine = [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(need.name)]
        assert mine, f"{path} lacks {need}: run make lock"
        for pin in mine:
            version = next(iter(pin.specifier)).version
            assert need.specifier.contains(version), f"{path}: {pin} is not {need}: run make lock"
