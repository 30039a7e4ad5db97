"""Alerts and the dashboard ask for metrics that are there."""

from __future__ import annotations

import json
import re

import yaml

from backend.telemetry import Telemetry
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.settings import Settings
from edgeseg.tasks import TaskStore, connect
from edgeseg.worker.image_cache import ImageCache
from edgeseg.worker.telemetry import WorkerTelemetry
from tests.deploy.compose import CPU, ROOT, services

FOLDER = ROOT / "deploy/observability"
METRIC = re.compile(r"\b(edgeseg_\w+|process_\w+)")


def exposed() -> set[str]:
    """Return the names of all series that a backend and a worker can show."""
    settings = Settings()
    worker = WorkerTelemetry()
    images = ImageCache(TaskStore(connect(settings)), settings)
    worker.watch(images, EmbeddingCache())
    found = set()
    for registry in (Telemetry().registry, worker.registry):
        for metric in registry.collect():
            suffixes = {
                "counter": ["_total"],
                "histogram": ["_bucket", "_sum", "_count"],
            }.get(metric.type, [""])
            found |= {metric.name + suffix for suffix in suffixes}
    return found


def test_every_metric_of_the_alerts_and_the_dashboard_is_exposed() -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = [rule["expr"] for rule in rules]
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    asked += [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for expression in asked for name in METRIC.findall(expression)}
    assert len(rules) >= 5
    assert len(panels) >= 10
    assert named <= exposed()
    # What is measured is also shown.
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in named}
    assert {name for name in metrics_of(exposed()) if name.startswith("edgeseg_worker")} <= shown


def metrics_of(series: set[str]) -> set[str]:
    """Return the metrics that series belong to."""
    return {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in series}


def test_alerts_say_what_is_wrong() -> None:
    for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]:
        assert rule["annotations"]["summary"].endswith((".", "?"))
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_prometheus_scrapes_every_service_that_has_metrics() -> None:
    document = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    scraped = {
        name
        for job in document["scrape_configs"]
        for each in job["dns_sd_configs"]
        for name in each["names"]
    }
    assert scraped == set(services(CPU)) - {"frontend", "redis", "weights"}
