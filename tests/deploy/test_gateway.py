"""The gateways before several stacks name the same stacks, and send their tasks to them."""

from __future__ import annotations

import re
from typing import Any

import yaml

from edgeseg.schemas import TASK_ID, new_task_id
from tests.deploy.compose import ROOT

FOLDER = ROOT / "deploy/gateway"


def test_nginx_and_the_route_of_kubernetes_know_the_same_stacks() -> None:
    config = (FOLDER / "nginx.conf").read_text()
    tags = re.findall(r"~\^/tasks/(\w+)- stack_(\w+);", config)
    assert tags == [("a", "a"), ("b", "b")]
    assert re.findall(r"upstream stack_(\w+) {\s+server (\w+):8000", config) == tags
    route, _ = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    *tasks, others = route["spec"]["rules"]
    for (tag, _), rule in zip(tags, tasks, strict=True):
        (match,), (backend,) = rule["matches"], rule["backendRefs"]
        assert re.fullmatch(match["path"]["value"], f"/tasks/{new_task_id(tag)}/events")
        assert backend["namespace"] == f"edgeseg-{tag}"
    assert [each["namespace"] for each in others["backendRefs"]] == ["edgeseg-a", "edgeseg-b"]


def test_ids_of_tasks_begin_with_the_tag_of_their_stack() -> None:
    assert new_task_id("eu1").startswith("eu1-")
    for stack in ("", "a", "twelve345678"):
        assert re.fullmatch(TASK_ID, new_task_id(stack))
    for wrong in ("", "A-" + "0" * 32, "-" + "0" * 32, "thirteen34567-" + "0" * 32, "0" * 31):
        assert not re.fullmatch(TASK_ID, wrong)


def test_the_gateway_is_fenced_in_as_the_stack_is() -> None:
    (service,) = compose("compose.yml")["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["ports"][0].startswith("${EDGESEG_BIND:-127.0.0.1}:")
    assert compose("compose.yml")["networks"] == compose("stack.yml")["networks"]


def compose(name: str) -> dict[str, Any]:
    """Return a file of Compose."""
    made: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return made
