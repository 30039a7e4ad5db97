"""Names of everything that the stack keeps in Redis; no other module spells a key."""

from __future__ import annotations

import hashlib

from edgeseg.settings import Role

QUEUES: dict[Role, str] = {
    "simplify": "simplifier_queue",
    "detect": "grounding_dino_queue",
    "segment": "sam2_queue",
    "ground": "sam2_queue",
    "extract": "simplifier_queue",
    "embed": "sam2_queue",
    "classify": "sam2_queue",
}
QUEUE_NAMES: tuple[str, ...] = tuple(dict.fromkeys(QUEUES.values()))
WAKE_CHANNEL = "edgeseg:wake"
# Counters of requests and bytes, by the name of a key.
LIMITS_PREFIX = "edgeseg:limit"
# Longer than a task lives unfinished.
OWNER_TTL_S = 2 * 24 * 3600


def task_key(task_id: str) -> str:
    """Hash: request, status, plan, timings, results of the stages, error."""
    return f"edgeseg:task:{task_id}"


def image_key(task_id: str) -> str:
    """Hash: the image files by their index, written once."""
    return f"edgeseg:task:{task_id}:image"


def events_key(task_id: str) -> str:
    """Stream: what happened to the task, so that a reader can resume."""
    return f"edgeseg:task:{task_id}:events"


def drawing_key(task_id: str) -> str:
    """String: the overlay as a file, beside the record because of its size."""
    return f"edgeseg:task:{task_id}:visualization"


def idempotency_key(key: str) -> str:
    """String: the task that answered this ``Idempotency-Key``; hashed, for clients choose it."""
    return f"edgeseg:idempotency:{hashlib.sha256(key.encode()).hexdigest()}"


def owner_key(owner: str) -> str:
    """Sorted set: the tasks of a key's holder by the time they came, until they have ended."""
    return f"edgeseg:owner:{owner}"


def janitor_key(queue: str) -> str:
    """String: held by the worker that looks after the queue's lost jobs now."""
    return f"edgeseg:janitor:{queue}"


def waiting_key(queue: str) -> str:
    """List: RQ's jobs that wait."""
    return f"rq:queue:{queue}"


def intermediate_key(queue: str) -> str:
    """List: RQ's jobs that a worker took off the queue and has not started yet."""
    return f"rq:queue:{queue}:intermediate"


def started_key(queue: str) -> str:
    """Sorted set: RQ's jobs that run."""
    return f"rq:wip:{queue}"


def failed_key(queue: str) -> str:
    """Sorted set: RQ's jobs that failed for good."""
    return f"rq:failed:{queue}"


def workers_key(queue: str) -> str:
    """Set: the keys of RQ's workers of a queue, dead ones included for a while."""
    return f"rq:workers:{queue}"


def prefetch_key(queue: str) -> str:
    """List: images that a queue's worker will need soon."""
    return f"edgeseg:prefetch:{queue}"


def job_key(job_id: str) -> str:
    """Hash: an RQ job."""
    return f"rq:job:{job_id}"


def dependents_key(job_id: str) -> str:
    """Set: ids of the RQ jobs that wait for this one."""
    return f"rq:job:{job_id}:dependents"


def job_id(task_id: str, stage: Role) -> str:
    """Return the id of the job that runs one stage of a task."""
    return f"{task_id}-{stage}"
