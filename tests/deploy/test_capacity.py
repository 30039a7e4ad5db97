"""The simulation of many workers, where the answer can be worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deploy import capacity
from edgeseg.settings import Role

FREE = capacity.Costs("paper", 1, 0.001, 0.001, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
STAGE_S: dict[Role, float] = {"simplify": 0.002, "detect": 1.0, "segment": 1.0}
TASKS = 3000


def test_where_nothing_else_costs_anything_workers_are_all_that_counts() -> None:
    workers = capacity.shares(100, STAGE_S)
    assert workers == {"simplify": 1, "detect": 50, "segment": 50}
    best, fullest = capacity.most(FREE, workers, STAGE_S, 10, TASKS)
    assert fullest in ("detect", "segment")
    assert best.rate == pytest.approx(50, rel=0.1)
    assert best.busy[fullest] > 0.9


def test_one_redis_carries_what_its_thread_can() -> None:
    costs = replace(FREE, redis_ms_per_task=10.0)
    best, fullest = capacity.most(costs, capacity.shares(1000, STAGE_S), STAGE_S, 10, TASKS)
    assert fullest == "redis"
    assert best.rate == pytest.approx(100, rel=0.15)


def test_signs_of_life_take_their_share_of_redis() -> None:
    costs = replace(FREE, redis_ms_per_task=10.0, redis_ms_per_worker_second=0.5)
    best, fullest = capacity.most(costs, capacity.shares(1000, STAGE_S), STAGE_S, 10, TASKS)
    # A thousand workers take half of its time.
    assert fullest == "redis"
    assert best.rate == pytest.approx(50, rel=0.15)


def test_too_few_processes_of_the_api_are_named() -> None:
    costs = replace(FREE, backend_ms_per_task=50.0)
    best, fullest = capacity.most(costs, capacity.shares(1000, STAGE_S), STAGE_S, 2, TASKS)
    assert fullest == "backend"
    assert best.rate == pytest.approx(40, rel=0.15)


def test_tasks_wait_longer_under_more_load() -> None:
    workers = capacity.shares(20, STAGE_S)
    calm = capacity.run(FREE, workers, STAGE_S, 1, rate=1.0, tasks=TASKS)
    full = capacity.run(FREE, workers, STAGE_S, 1, rate=9.9, tasks=TASKS)
    assert calm.median_s < full.median_s
    assert calm.busy["detect"] == pytest.approx(0.1, rel=0.1)


def test_what_was_measured_can_be_read() -> None:
    costs = capacity.Costs(**json.loads(capacity.FIGURES.read_text()))
    assert 0 < costs.redis_ms_per_task < 100
    # Base64 of the image, and little beside it.
    assert 4 / 3 <= costs.redis_bytes_per_task / costs.image_bytes < 2
