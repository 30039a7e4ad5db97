"""What the manifests promise; their schemas are checked by ``make check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeseg.settings import Settings
from edgeseg.tasks import keys
from tests.deploy.compose import ROOT

FOLDER = ROOT / "deploy/kubernetes"
WORKERS = {
    "simplifier": "simplifier_queue",
    "grounding-dino": "grounding_dino_queue",
    "sam2": "sam2_queue",
}
OVERLAYS = pytest.mark.parametrize("overlay", ["cpu", "gpu"])
Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    """Return the objects of a file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def resources(folder: Path) -> list[Manifest]:
    """Return all objects that a kustomization names, those of its bases included, unpatched."""
    (kustomization,) = read(folder / "kustomization.yaml")
    found: list[Manifest] = []
    for name in kustomization["resources"]:
        path = folder / name
        found += resources(path) if path.is_dir() else read(path)
    return found


def base(kind: str) -> dict[str, Manifest]:
    """Return the objects of a kind by name."""
    found = (each for each in resources(FOLDER / "base") if each["kind"] == kind)
    return {each["metadata"]["name"]: each for each in found}


def pods() -> dict[str, Manifest]:
    """Return the specification of every pod, by the name of what makes it."""
    made = {**base("Deployment"), **base("StatefulSet"), **base("Job")}
    return {name: each["spec"]["template"]["spec"] for name, each in made.items()}


def test_every_file_is_part_of_an_overlay() -> None:
    named = {
        FOLDER / "base" / name for name in read(FOLDER / "base/kustomization.yaml")[0]["resources"]
    }
    assert named == {path for path in FOLDER.glob("base/*.yaml") if path.stem != "kustomization"}


def test_every_pod_is_fenced_in() -> None:
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


def test_every_pod_that_stays_has_probes_and_time_to_finish() -> None:
    for name, pod in pods().items():
        if name == "weights":
            continue
        for container in pod["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert probe in container, f"{name}: {probe}"
    for name in WORKERS:
        grace_s = pods()[name]["terminationGracePeriodSeconds"]
        assert grace_s > Settings().stage_timeout_s


def test_workers_that_lose_redis_are_not_killed_for_it() -> None:
    # Their engines stay loaded until Redis is back; only readiness says that it is away.
    for name in WORKERS:
        (container,) = pods()[name]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["startupProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health"


def test_what_may_be_disrupted_is_bounded() -> None:
    assert set(base("PodDisruptionBudget")) == set(base("Deployment"))


def test_the_network_is_closed_but_for_what_is_said() -> None:
    policies = base("NetworkPolicy")
    assert set(policies["edgeseg-default"]["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    into_redis = policies["redis"]["spec"]["ingress"]
    labels = [
        peer["podSelector"]["matchLabels"]
        for rule in into_redis
        for peer in rule["from"]
        if "podSelector" in peer
    ]
    assert labels == [{"app.kubernetes.io/name": "backend"}, {"edgeseg/worker": "true"}]
    workers = {name for name, each in base("Deployment").items() if is_worker(each)}
    assert workers == set(WORKERS)


def is_worker(deployment: Manifest) -> bool:
    """Whether the policies for workers hold for a deployment's pods."""
    return bool(deployment["spec"]["template"]["metadata"]["labels"].get("edgeseg/worker"))


def test_only_secrets_hold_passwords() -> None:
    for name, pod in pods().items():
        for container in pod["containers"]:
            for variable in container.get("env", []):
                if any(word in variable["name"] for word in ("PASSWORD", "TOKEN", "URL")):
                    is_address = variable.get("value", "").startswith("http://backend")
                    assert is_address or "secretKeyRef" in variable["valueFrom"], name
    assert not base("Secret")


@OVERLAYS
def test_settings_are_settings(overlay: str) -> None:
    known = {f"EDGESEG_{field.upper()}" for field in Settings.model_fields}
    generators = [
        *read(FOLDER / "base/kustomization.yaml")[0]["configMapGenerator"],
        *read(FOLDER / f"overlays/{overlay}/kustomization.yaml")[0]["configMapGenerator"],
    ]
    chosen = dict(line.split("=", 1) for each in generators for line in each["literals"])
    assert set(chosen) <= known
    Settings.model_validate(
        {name.removeprefix("EDGESEG_").lower(): value for name, value in chosen.items()}
    )


@OVERLAYS
def test_every_queue_scales_its_workers(overlay: str) -> None:
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in read(FOLDER / f"overlays/{overlay}/scaling.yaml")
        if each["kind"] == "ScaledObject"
    }
    assert set(scaled) == set(WORKERS)
    for name, queue in WORKERS.items():
        waiting, running = scaled[name]["triggers"]
        assert waiting["metadata"]["listName"] == keys.waiting_key(queue)
        assert running["metadata"]["listName"] == keys.started_key(queue)
        # A deployment that also says how many it wants would fight with what scales it.
        assert "replicas" not in base("Deployment")[name]["spec"]
    lowest = {name: spec["minReplicaCount"] for name, spec in scaled.items()}
    assert lowest["grounding-dino"] == lowest["sam2"] == (0 if overlay == "gpu" else 1)


def test_where_workers_start_on_demand_requests_wait_for_them() -> None:
    (kustomization,) = read(FOLDER / "overlays/gpu/kustomization.yaml")
    assert "EDGESEG_REQUIRE_WORKERS=false" in kustomization["configMapGenerator"][0]["literals"]


@OVERLAYS
def test_patches_and_images_find_what_they_change(overlay: str) -> None:
    (kustomization,) = read(FOLDER / f"overlays/{overlay}/kustomization.yaml")
    used = {container["image"] for pod in pods().values() for container in pod["containers"]}
    assert {each["name"] for each in kustomization["images"]} == used
    for patch in kustomization.get("patches", []):
        targets = patch["target"]["name"].split("|")
        assert set(targets) <= set(base(patch["target"]["kind"]))
        for change in yaml.safe_load(patch["patch"]):
            for name in targets:
                assert parent_of(base(patch["target"]["kind"])[name], change["path"]) is not None


def parent_of(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer's last part lies in; raises KeyError when it is not there."""
    for part in pointer.strip("/").split("/")[:-1]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def test_the_key_of_a_language_server_goes_to_the_simplifier_alone() -> None:
    for name, pod in pods().items():
        for container in pod["containers"]:
            from_secrets = [
                each["secretRef"]["name"]
                for each in container.get("envFrom", [])
                if "secretRef" in each
            ]
            assert from_secrets == (["edgeseg-llm"] if name == "simplifier" else []), name


def test_the_way_to_a_language_server_is_the_simplifiers_alone() -> None:
    (policy,) = read(FOLDER / "components/language-server/egress.yaml")
    labels = policy["spec"]["podSelector"]["matchLabels"]
    assert labels == {"app.kubernetes.io/name": "simplifier"}
    (component,) = read(FOLDER / "components/language-server/kustomization.yaml")
    assert component["resources"] == ["egress.yaml"]


def test_the_ui_and_the_api_answer_the_names_that_they_are_reached_by() -> None:
    (kustomization,) = read(FOLDER / "base/kustomization.yaml")
    literals = kustomization["configMapGenerator"][0]["literals"]
    hosts = next(each for each in literals if each.startswith("EDGESEG_ALLOWED_HOSTS="))
    assert "backend" in Settings(allowed_hosts=hosts.partition("=")[2]).allowed_hosts
    environment = pods()["frontend"]["containers"][0]["env"]
    source = {each["name"]: each.get("valueFrom") for each in environment}["EDGESEG_ALLOWED_HOSTS"]
    assert source == {"configMapKeyRef": {"name": "edgeseg", "key": "EDGESEG_ALLOWED_HOSTS"}}
