"""Running requests: one thread per image, with progress from its event stream."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgeseg.errors import CancelledError, EdgeSegError, UnavailableError
from edgeseg.result import Segmentation
from edgeseg.schemas import SegmentationResult, StageEvent
from edgeseg.settings import Role
from frontend.api import Api
from frontend.state import Photo

JobState = Literal["sending", "queued", "running", "done", "failed", "cancelled"]
StepState = Literal["waiting", "running", "done", "skipped"]
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})
PARALLEL = 4
_RECONNECTS = 5
_batches = itertools.count(1)


@dataclass
class Job:
    """One image on its way; written by its thread, read by the page."""

    photo: Photo
    prompt: str
    state: JobState = "sending"
    task_id: str | None = None
    steps: dict[Role, StepState] = field(default_factory=dict)
    error: EdgeSegError | None = None
    segmentation: Segmentation | None = None
    wants_cancel: threading.Event = field(default_factory=threading.Event)
    detail: str = ""
    """How far the stage that runs is, in words."""
    unit: ClassVar[str] = "images"
    """What a stage counts."""

    def send(self, client: Api, parameters: Mapping[str, Any]) -> str:
        """Queue it and return the task's id; each kind of job says how."""
        raise NotImplementedError

    def take(self, result: object) -> None:
        """Keep the result of its task; raises CancelledError where there is none."""
        if not isinstance(result, SegmentationResult):
            raise CancelledError("It was cancelled.")
        self.segmentation = Segmentation(result, self.photo.data, file_name=self.photo.name)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def stage(self) -> Role | None:
        """The stage that runs, or else the first one that waits."""
        running = [stage for stage, step in self.steps.items() if step == "running"]
        waiting = [stage for stage, step in self.steps.items() if step == "waiting"]
        return next(iter(running + waiting), None)

    @property
    def share(self) -> float:
        """How much of it is done, 0..1, each stage counted alike."""
        if self.state == "done":
            return 1.0
        worth = {"done": 1.0, "skipped": 1.0, "running": 0.5, "waiting": 0.0}
        total = sum(worth[step] for step in self.steps.values())
        return total / len(self.steps) if self.steps else 0.0

    def apply(self, event: StageEvent) -> None:
        """Follow one event of the task."""
        if event.type == "queued" and "plan" in event.data:
            self.steps = dict.fromkeys(event.data["plan"], "waiting")
        if event.stage is not None:
            step: dict[str, StepState] = {
                "queued": "waiting", "started": "running", "progress": "running",
                "finished": "done", "skipped": "skipped",
            }  # fmt: skip
            self.steps[event.stage] = step.get(event.type, "waiting")
        is_step = event.type == "progress" and {"done", "total"} <= event.data.keys()
        done = f": {event.data['done']} of {event.data['total']} {self.unit}" if is_step else ""
        self.detail = done
        if not self.ended:
            self.state = "running" if "running" in self.steps.values() else "queued"


@dataclass
class Run:
    """The tasks that one press of a button started."""

    jobs: Sequence[Job]
    batch: int = field(default_factory=lambda: next(_batches))
    collected: bool = False

    @property
    def ended(self) -> bool:
        """Whether all of them ended."""
        return all(job.ended for job in self.jobs)


def start_jobs(client: Api, pending: Sequence[Job], parameters: Mapping[str, Any]) -> Run:
    """Send jobs, a few at a time, and return at once."""
    run = Run(pending)
    pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="edgeseg-ui")
    for job in pending:
        pool.submit(follow, client, job, parameters)
    pool.shutdown(wait=False)
    return run


def cancel(client: Api, job: Job) -> None:
    """Cancel an image, also one that was not sent yet; raises what the client raises."""
    job.wants_cancel.set()
    if job.task_id is not None and not job.ended:
        client.cancel(job.task_id)


def follow(client: Api, job: Job, parameters: Mapping[str, Any]) -> None:
    """Send one image and follow it to its end; what goes wrong ends up in the job."""
    try:
        _follow(client, job, parameters)
    except CancelledError:
        job.state = "cancelled"
    except EdgeSegError as error:
        job.error, job.state = error, "failed"
    except Exception as error:
        job.error, job.state = EdgeSegError(f"The UI failed: {error}"), "failed"


def _follow(client: Api, job: Job, parameters: Mapping[str, Any]) -> None:
    if job.wants_cancel.is_set():
        raise CancelledError("It was cancelled.")
    job.task_id = job.send(client, parameters)
    job.state = "queued"
    if job.wants_cancel.is_set():
        client.cancel(job.task_id)
    _watch(client, job)
    status = client.task(job.task_id)
    if status.error is not None:
        raise EdgeSegError.from_dict(status.error)
    job.take(status.result)
    job.state = "done"


def _watch(client: Api, job: Job) -> None:
    """Read events until the task ends; a connection that breaks is made anew where it was."""
    assert job.task_id is not None
    last: str | None = None
    for attempt in range(_RECONNECTS + 1):
        try:
            for event in client.events(job.task_id, last):
                last = event.id
                if event.type in ENDED:
                    return
                job.apply(event)
        except UnavailableError:
            if attempt == _RECONNECTS:
                raise
            job.wants_cancel.wait(0.2 * 2**attempt)
