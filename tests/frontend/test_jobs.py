"""Following tasks: progress from events, cancelling, and connections that break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeseg.errors import StageFailedError, UnavailableError
from edgeseg.schemas import EventType, StageEvent, TaskStatus
from edgeseg.settings import Role
from frontend import jobs, samples
from frontend.everything import MasksJob
from frontend.jobs import Job
from frontend.progress import describe
from tests.frontend.conftest import PLAN, LocalClient


@pytest.fixture
def job() -> Job:
    return MasksJob(samples.sample(samples.DRAWN), "everything")


FIELDS = {"points_per_side": 2}


def event(kind: EventType, stage: Role | None = None, number: int = 0) -> StageEvent:
    data = {"plan": list(PLAN)} if kind == "queued" and stage == "simplify" else {}
    return StageEvent(id=str(number), type=kind, stage=stage, at=0, data=data)


def test_events_become_stages_and_a_share(job: Job) -> None:
    job.state = "queued"
    job.apply(event("queued", "simplify"))
    assert job.steps == {"simplify": "waiting", "detect": "waiting", "segment": "waiting"}
    assert (job.stage, job.share, job.state) == ("simplify", 0.0, "queued")
    job.apply(event("started", "simplify"))
    assert (describe(job), job.state) == ("Simplifying ...", "running")
    job.apply(event("finished", "simplify"))
    assert (job.stage, job.state) == ("detect", "queued")
    job.apply(event("started", "detect"))
    assert describe(job) == "Detecting ..."
    assert job.share == pytest.approx(0.5)
    job.apply(event("finished", "detect"))
    job.apply(event("skipped", "segment"))
    assert job.share == 1.0


def test_a_stage_whose_worker_was_lost_waits_again(job: Job) -> None:
    for kind in ("queued", "started", "queued"):
        job.apply(event(kind, "simplify"))
    assert (job.stage, job.state) == ("simplify", "queued")


@pytest.mark.parametrize(
    ("position", "said"),
    [(3, "Queued behind 3"), (0, "Queued, next in line"), (None, "Queued, next")],
)
def test_who_is_before_it_is_what_the_server_counts(
    job: Job,
    client: LocalClient,
    monkeypatch: pytest.MonkeyPatch,
    position: int | None,
    said: str,
) -> None:
    def task(task_id: str) -> TaskStatus:
        return TaskStatus(
            task_id=task_id,
            status="queued",
            prompt="",
            plan=[],
            created_at=0,
            queue_position=position,
        )

    monkeypatch.setattr(client, "task", task)
    job.task_id, job.state = "task1", "queued"
    job.apply(event("queued", "simplify"))
    assert describe(job).startswith(said)


def test_an_image_is_followed_to_its_result(job: Job, client: LocalClient) -> None:
    jobs.follow(client, job, FIELDS)
    assert (job.state, job.share, job.error) == ("done", 1.0, None)
    assert job.segmentation is not None
    assert len(job.segmentation.objects) == 4
    assert job.segmentation.file_name == "balls.png"


def test_a_broken_connection_goes_on_where_it_was(
    job: Job, client: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def events(task_id: str, after: str | None = None) -> Iterator[StageEvent]:
        asked.append(after)
        if after is None:
            yield event("queued", "simplify", 7)
            raise UnavailableError("The connection to the API broke.")
        yield event("done", None, 8)

    monkeypatch.setattr(client, "events", events)
    jobs.follow(client, job, FIELDS)
    assert asked == [None, "7"]
    assert job.state == "done"


def test_what_fails_on_the_server_ends_up_in_the_job(
    job: Job, client: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = StageFailedError("The detector broke.").to_problem()

    def task(task_id: str) -> TaskStatus:
        return TaskStatus(
            task_id=task_id, status="failed", prompt="", plan=[], created_at=0, error=problem
        )

    monkeypatch.setattr(client, "task", task)
    jobs.follow(client, job, FIELDS)
    assert job.state == "failed"
    assert isinstance(job.error, StageFailedError)


def test_an_image_cancelled_before_it_was_sent_is_not_sent(job: Job, client: LocalClient) -> None:
    jobs.cancel(client, job)
    jobs.follow(client, job, FIELDS)
    assert job.state == "cancelled"
    assert client.sent == []


def test_an_image_on_its_way_is_cancelled_at_the_server(job: Job, client: LocalClient) -> None:
    job.task_id = "task1"
    jobs.cancel(client, job)
    assert client.cancelled == ["task1"]
