"""The task record and the queue contract in Redis; no other package knows the keys."""

from edgeseg.tasks.batches import take_more, was_lost_in_batch
from edgeseg.tasks.bookkeeping import Bookkeeping
from edgeseg.tasks.chain import TaskChain
from edgeseg.tasks.connection import (
    CONNECTION_LOST,
    connect,
    connect_async,
    is_out_of_memory,
    redis_errors,
)
from edgeseg.tasks.keys import QUEUE_NAMES, QUEUES
from edgeseg.tasks.ownership import release_task, reserve_task
from edgeseg.tasks.prefetch import next_image
from edgeseg.tasks.queue import LARGE, QUICK, make_queue
from edgeseg.tasks.queues import (
    QueueMonitor,
    QueuesView,
    QueueView,
    WorkerView,
    queue_position,
    unserved,
)
from edgeseg.tasks.record import DRAWN, ImageRef, NewTask, TaskKind, TaskRecord
from edgeseg.tasks.store import Claim, TaskStore
from edgeseg.tasks.watch import TaskWatch

__all__ = [
    "DRAWN",
    "LARGE",
    "CONNECTION_LOST",
    "QUEUES",
    "QUICK",
    "QUEUE_NAMES",
    "Bookkeeping",
    "Claim",
    "ImageRef",
    "NewTask",
    "QueueMonitor",
    "QueueView",
    "QueuesView",
    "TaskChain",
    "TaskKind",
    "TaskRecord",
    "TaskStore",
    "TaskWatch",
    "WorkerView",
    "connect",
    "connect_async",
    "queue_position",
    "is_out_of_memory",
    "make_queue",
    "next_image",
    "take_more",
    "was_lost_in_batch",
    "redis_errors",
    "release_task",
    "reserve_task",
    "unserved",
]
