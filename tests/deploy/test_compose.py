"""What the Compose files promise of every service, without Docker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from edgeseg.settings import Settings
from tests.deploy.compose import CPU, GPU, ROOT, SERVICES, WORKERS, Service, services

BOTH = pytest.mark.parametrize("name", [CPU, GPU])
VARIABLE = re.compile(r"\$\{(\w+)(:?-)?([^}]*)\}")
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|_KEY|REDIS_URL")


@BOTH
def test_every_service_is_there_and_fenced_in(name: str) -> None:
    found = services(name)
    assert set(found) == SERVICES
    for each, service in found.items():
        assert service["mem_limit"], each
        assert service["read_only"] is True, each
        assert service["cap_drop"] == ["ALL"], each
        assert service["security_opt"] == ["no-new-privileges:true"], each
        assert service["pids_limit"] > 0, each
        assert service["restart"] in ("unless-stopped", "on-failure"), each
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), each
        assert not {"privileged", "network_mode", "cap_add", "container_name"} & set(service), each
        assert not any(str(volume).startswith(("/", ".", "~")) for volume in volumes(service)), each


@BOTH
def test_every_service_that_stays_has_a_health_check_and_time_to_finish(name: str) -> None:
    for each, service in services(name).items():
        if each == "weights":
            assert service["restart"] == "on-failure"
            continue
        assert service["healthcheck"]["test"][0] == "CMD", each
        assert service["healthcheck"]["start_period"], each
        assert service["stop_grace_period"], each
    stages = [services(name)[each]["stop_grace_period"] for each in WORKERS]
    assert stages == ["2m"] * 3


@BOTH
def test_only_the_ui_and_the_api_are_published_and_on_loopback(name: str) -> None:
    published = {
        each: service["ports"] for each, service in services(name).items() if "ports" in service
    }
    assert set(published) == {"frontend", "backend"}
    for ports in published.values():
        assert all(port.startswith("${EDGESEG_BIND:-127.0.0.1}:") for port in ports)


@BOTH
def test_the_ui_cannot_reach_redis(name: str) -> None:
    found = services(name)
    assert not set(found["frontend"]["networks"]) & set(found["redis"]["networks"])


@BOTH
def test_no_secret_is_in_clear(name: str) -> None:
    for each, service in services(name).items():
        for variable, value in service["environment"].items():
            if SECRET.search(variable) and not variable.endswith("_FILE"):
                assert re.fullmatch(r"\$\{\w+:-\}", str(value)), f"{each}: {variable}"


@BOTH
def test_every_variable_of_a_service_is_a_setting(name: str) -> None:
    known = {f"EDGESEG_{field.upper()}" for field in Settings.model_fields}
    for each in ("backend", "weights", "frontend", *WORKERS):
        assert set(services(name)[each]["environment"]) <= known, each


@BOTH
def test_docker_compose_1_29_can_read_it(name: str) -> None:
    text = (ROOT / name).read_text()
    document = yaml.safe_load(text)
    assert not {"name", "version", "include", "secrets", "configs"} & set(document)
    for each, service in document["services"].items():
        # It refuses to extend a service that depends on another.
        assert not {"develop", "depends_on", "links", "volumes_from", "profiles"} & set(service), (
            each
        )
    assert all("${" not in default for _, _, default in VARIABLE.findall(text))


def test_the_gpu_stack_extends_every_service_and_reserves_gpus_for_workers() -> None:
    document = yaml.safe_load((ROOT / GPU).read_text())["services"]
    for each, service in document.items():
        assert service["extends"] == {"file": CPU, "service": each}
        devices = service.get("deploy", {}).get("resources", {}).get("reservations", {})
        assert bool(devices) == (each in WORKERS), each
    base = services(CPU)
    assert all("deploy" not in service for service in base.values())
    for each in WORKERS:
        assert base[each]["environment"]["EDGESEG_DEVICE"] == "cpu"
        # A build with CUDA and one without never share a name.
        assert document[each]["image"] != base[each]["image"]
        assert document[each]["build"]["args"]["TORCH_INDEX_URL"] == ""


def test_workers_take_weights_read_only_and_only_one_service_fetches_them() -> None:
    for each, service in services(CPU).items():
        mounts = [volume for volume in volumes(service) if volume.startswith("weights:")]
        assert mounts == {"weights": ["weights:/weights"]}.get(
            each, ["weights:/weights:ro"] if each in WORKERS else []
        )
    assert services(CPU)["weights"]["command"][-2:] == ["engines", "pull"]


def test_the_example_lists_every_setting_of_the_files_and_no_other() -> None:
    used = {
        found[0] for name in (CPU, GPU) for found in VARIABLE.findall((ROOT / name).read_text())
    }
    listed = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    # Compose itself reads the project's name; the rest of the difference is for tests.
    assert set(listed) - {"COMPOSE_PROJECT_NAME"} == used - {
        "EDGESEG_FAKE_LATENCY_S",
        "EDGESEG_DEVICE",
    }


def test_every_build_file_exists_and_its_context_is_the_project() -> None:
    for each, service in services(CPU).items():
        assert service["build"]["context"] == ".", each
        assert (ROOT / service["build"]["dockerfile"]).is_file(), each


def volumes(service: Service) -> list[str]:
    """Return the volumes of a service as they are written."""
    found: list[str] = service.get("volumes", [])
    return found


def test_the_tree_holds_no_environment_file() -> None:
    assert ".env" in Path(ROOT, ".gitignore").read_text().split()
