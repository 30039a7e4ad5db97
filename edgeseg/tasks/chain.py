"""Tasks as chains of RQ jobs: a stage is a job on its queue, started by the end of the last."""

from __future__ import annotations

from contextlib import suppress

import redis
from rq import Callback, Queue, Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus

from edgeseg.settings import Role, Settings
from edgeseg.tasks import keys
from edgeseg.tasks.ahead import announce
from edgeseg.tasks.record import NewTask
from edgeseg.tasks.store import TaskStore

# Named, not imported: only workers load what runs a stage.
RUN_STAGE = "edgeseg.worker.jobs.run_stage"
ON_FAILURE = "edgeseg.worker.jobs.on_failure"
SERIALIZER = "json"
DONE_JOB_TTL_S = 60
FAILED_JOB_TTL_S = 24 * 3600


def make_queue(name: str, connection: redis.Redis) -> Queue:
    """Return the RQ queue of this name, its jobs written as JSON."""
    return Queue(name, connection=connection, serializer=SERIALIZER)


class TaskChain:
    """Submits tasks and withdraws what is left of them."""

    def __init__(self, connection: redis.Redis, store: TaskStore, settings: Settings) -> None:
        self.connection = connection
        self.store = store
        self._settings = settings
        self._queues = {name: make_queue(name, connection) for name in keys.QUEUE_NAMES}

    def submit(self, task: NewTask, image: bytes | None = None) -> None:
        """Write the task, its image file and its jobs in one transaction: all of it or nothing."""
        jobs: list[Job] = []
        for stage in task.plan:
            jobs.append(self._job(task.id, stage, jobs[-1] if jobs else None))
        with self.connection.pipeline() as pipe:
            # RQ opens the transaction here, so the job that starts the chain comes first; nothing
            # runs before the transaction as a whole is done.
            self._queues[keys.QUEUES[task.plan[0]]].enqueue_job(jobs[0], pipeline=pipe)
            for job in jobs[1:]:
                job.set_status(JobStatus.DEFERRED, pipeline=pipe)
                job.register_dependency(pipeline=pipe)
                job.save(pipeline=pipe)
            self.store.write(task, image, pipe)
            announce(task, pipe)
            pipe.execute()

    def withdraw(self, task_id: str, stages: tuple[Role, ...]) -> None:
        """Delete the jobs of these stages that have not started; others may do so meanwhile."""
        waiting = (JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED)
        for stage in stages:
            name = keys.job_id(task_id, stage)
            # A job that is gone, or of which a part is left, was withdrawn by the other side.
            with suppress(NoSuchJobError, InvalidJobOperation):
                job = Job.fetch(name, connection=self.connection, serializer=SERIALIZER)
                if job.get_status(refresh=False) in waiting:
                    job.delete()

    def _job(self, task_id: str, stage: Role, after: Job | None) -> Job:
        return self._queues[keys.QUEUES[stage]].create_job(
            RUN_STAGE,
            args=(task_id, stage),
            job_id=keys.job_id(task_id, stage),
            description=f"{stage} {task_id}",
            depends_on=after,
            timeout=self._settings.stage_timeout_s,
            result_ttl=DONE_JOB_TTL_S,
            failure_ttl=FAILED_JOB_TTL_S,
            # Retries are for lost workers only: see StageWorker.handle_job_failure.
            retry=Retry(self._settings.max_attempts - 1)
            if self._settings.max_attempts > 1
            else None,
            on_failure=Callback(ON_FAILURE),
        )
