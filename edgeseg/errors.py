"""Every error that EdgeSeg raises, with a stable code and the HTTP status it answers with.

EdgeSegError                       internal_error       500
├── InputError                     invalid_request      400
│   ├── NoImageError               no_image             422
│   ├── InvalidImageError          invalid_image        422
│   ├── ImageTooLargeError         image_too_large      413
│   ├── AnimatedImageError         animated_image       422
│   ├── EmptyPromptError           empty_prompt         422
│   ├── PromptTooLongError         prompt_too_long      422
│   ├── InvalidParameterError      invalid_parameter    422
│   ├── UnknownEngineError         unknown_engine       422
│   ├── EngineNotAllowedError      engine_not_allowed   422
│   ├── RequestTooCostlyError      request_too_costly   422
│   ├── UrlNotAllowedError         url_not_allowed      422
│   ├── FetchFailedError           fetch_failed         422
│   ├── NoEntityError              no_entity            422
│   ├── TooManyImagesError         too_many_images      422
│   ├── UnknownPackError           unknown_pack         422
│   ├── UnknownClassError          unknown_class        422
│   ├── InvalidPackError           invalid_pack         422
│   ├── UnknownFormatError         unknown_format       422
│   ├── ExportTooLargeError        export_too_large     413
│   ├── ClientTooSlowError         client_too_slow      408
│   ├── HeadersTooLargeError       headers_too_large    431
│   ├── HostNotAllowedError        host_not_allowed     421
│   ├── OriginNotAllowedError      origin_not_allowed   403
│   ├── KeyRequiredError           key_required         401
│   └── KeyRejectedError           key_rejected         403
├── NotFoundError                  not_found            404
│   ├── UnknownTaskError           unknown_task         404
│   └── UnknownObjectError         unknown_object       404
├── ConflictError                  conflict             409
│   ├── CancelledError             cancelled            409
│   ├── TaskNotFinishedError       task_not_finished    409
│   └── IdempotencyConflictError   idempotency_conflict 409
├── UnavailableError               unavailable          503
│   ├── QueueUnavailableError      queue_unavailable    503
│   ├── StackUnavailableError      stack_unavailable    503
│   ├── NoWorkerError              no_worker            503
│   ├── QueueFullError             queue_full           503
│   ├── EngineUnavailableError     engine_unavailable   503
│   ├── NotEnoughMemoryError       out_of_memory        503
│   ├── NotEnoughSpaceError        no_space             503
│   ├── TooManyConnectionsError    too_many_connections 503
│   ├── RateLimitedError           rate_limited         429
│   └── RequestTimeoutError        timeout              504
└── EngineError                    engine_error         500
    ├── StageFailedError           stage_failed         500
    └── WorkerLostError            worker_lost          500
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class EdgeSegError(Exception):
    """Base of all errors: a sentence in ``detail``, machine-readable facts in ``extra``.

    ``extra`` holds JSON values only, so that an error can cross a queue as data.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    _by_code: ClassVar[dict[str, type[EdgeSegError]]] = {}

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra: dict[str, Any] = extra

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        other = EdgeSegError._by_code.setdefault(cls.code, cls)
        if other is not cls:
            raise TypeError(f"error code {cls.code!r} is used by {other.__name__} already")

    def __reduce__(self) -> tuple[Any, ...]:
        return (EdgeSegError.from_dict, (self.to_dict(),))

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"code", "detail", "extra"}``, which `from_dict` reads back."""
        return {"code": self.code, "detail": self.detail, "extra": self.extra}

    def to_problem(self, instance: str | None = None) -> dict[str, Any]:
        """Return an RFC 9457 problem document; ``instance`` names the request or task."""
        problem = {
            "type": f"urn:edgeseg:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if instance is not None:
            problem["instance"] = instance
        return {**self.extra, **problem}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> EdgeSegError:
        """Rebuild the error of the same class from `to_dict` or `to_problem`."""
        known = {"type", "title", "status", "detail", "code", "instance", "extra"}
        extra = dict(data["extra"]) if "extra" in data else {}
        extra.update({key: value for key, value in data.items() if key not in known})
        return error_class(str(data.get("code", "")))(str(data.get("detail", "")), **extra)


EdgeSegError._by_code[EdgeSegError.code] = EdgeSegError


def error_class(code: str) -> type[EdgeSegError]:
    """Return the class with this code, or `EdgeSegError` for a code of another version."""
    return EdgeSegError._by_code.get(code, EdgeSegError)


class InputError(EdgeSegError):
    """The request cannot be served as it stands."""

    code, status, title = "invalid_request", 400, "Invalid request"


class NoImageError(InputError):
    """No image came with the request."""

    code, status, title = "no_image", 422, "No image"


class InvalidImageError(InputError):
    """The bytes are not a valid image, or end too early."""

    code, status, title = "invalid_image", 422, "Invalid image"


class ImageTooLargeError(InputError):
    """The image has more bytes or more pixels than are allowed."""

    code, status, title = "image_too_large", 413, "Image too large"


class AnimatedImageError(InputError):
    """The image has several frames."""

    code, status, title = "animated_image", 422, "Animated image"


class EmptyPromptError(InputError):
    """The prompt holds no words."""

    code, status, title = "empty_prompt", 422, "Empty prompt"


class PromptTooLongError(InputError):
    """The prompt has more characters than are allowed."""

    code, status, title = "prompt_too_long", 422, "Prompt too long"


class InvalidParameterError(InputError):
    """A parameter has a value of the wrong type or out of its range."""

    code, status, title = "invalid_parameter", 422, "Invalid parameter"


class UnknownEngineError(InputError):
    """No engine of this name plays this role."""

    code, status, title = "unknown_engine", 422, "Unknown engine"


class EngineNotAllowedError(InputError):
    """The engine is known, but requests may not choose it."""

    code, status, title = "engine_not_allowed", 422, "Engine not allowed"


class RequestTooCostlyError(InputError):
    """The request would take longer than is allowed: too many phrases, tiles or pixels."""

    code, status, title = "request_too_costly", 422, "Request too costly"


class UrlNotAllowedError(InputError):
    """The server fetches no image from this URL."""

    code, status, title = "url_not_allowed", 422, "URL not allowed"


class FetchFailedError(InputError):
    """The image could not be fetched from its URL."""

    code, status, title = "fetch_failed", 422, "Fetch failed"


class NoEntityError(InputError):
    """The prompt names no physical thing."""

    code, status, title = "no_entity", 422, "No entity"


class TooManyImagesError(InputError):
    """A request has more images than one may have."""

    code, status, title = "too_many_images", 422, "Too many images"


class UnknownPackError(InputError):
    """There is no pack of classes with this name."""

    code, status, title = "unknown_pack", 422, "Unknown pack"


class UnknownClassError(InputError):
    """A pack has no class with this name."""

    code, status, title = "unknown_class", 422, "Unknown class"


class InvalidPackError(InputError):
    """A file is no pack of classes, or does not fit the engine or another pack."""

    code, status, title = "invalid_pack", 422, "Invalid pack"


class UnknownFormatError(InputError):
    """Results cannot be exported in a format of this name."""

    code, status, title = "unknown_format", 422, "Unknown format"


class ExportTooLargeError(InputError):
    """The export has more objects, pixels or vertices than are allowed."""

    code, status, title = "export_too_large", 413, "Export too large"


class ClientTooSlowError(InputError):
    """The client took too long to send its request."""

    code, status, title = "client_too_slow", 408, "Client too slow"


class HeadersTooLargeError(InputError):
    """The headers of the request have more bytes than are allowed."""

    code, status, title = "headers_too_large", 431, "Headers too large"


class HostNotAllowedError(InputError):
    """The request was sent to a host name that is not one of the server's."""

    code, status, title = "host_not_allowed", 421, "Host not allowed"


class OriginNotAllowedError(InputError):
    """A page of another site sent the request."""

    code, status, title = "origin_not_allowed", 403, "Origin not allowed"


class KeyRequiredError(InputError):
    """The API asks for a key, and the request brought none."""

    code, status, title = "key_required", 401, "Key required"


class KeyRejectedError(InputError):
    """The API does not know the key that the request brought."""

    code, status, title = "key_rejected", 403, "Key rejected"


class NotFoundError(EdgeSegError):
    """What was asked for does not exist."""

    code, status, title = "not_found", 404, "Not found"


class UnknownTaskError(NotFoundError):
    """No task has this id, or its result has expired."""

    code, status, title = "unknown_task", 404, "Unknown task"


class UnknownObjectError(NotFoundError):
    """The task has no object with this id."""

    code, status, title = "unknown_object", 404, "Unknown object"


class ConflictError(EdgeSegError):
    """The request does not fit the state that its target is in."""

    code, status, title = "conflict", 409, "Conflict"


class CancelledError(ConflictError):
    """The task was cancelled."""

    code, status, title = "cancelled", 409, "Cancelled"


class TaskNotFinishedError(ConflictError):
    """The task has no result yet."""

    code, status, title = "task_not_finished", 409, "Task not finished"


class IdempotencyConflictError(ConflictError):
    """The same idempotency key came with another request."""

    code, status, title = "idempotency_conflict", 409, "Idempotency key reused"


class UnavailableError(EdgeSegError):
    """Something that the request needs is away for now."""

    code, status, title = "unavailable", 503, "Unavailable"


class QueueUnavailableError(UnavailableError):
    """Redis cannot be reached."""

    code, status, title = "queue_unavailable", 503, "Queue unavailable"


class StackUnavailableError(UnavailableError):
    """The stack behind the gateway that has the task does not answer, or none does."""

    code, status, title = "stack_unavailable", 503, "Stack unavailable"


class NoWorkerError(UnavailableError):
    """No worker serves a stage that the request needs."""

    code, status, title = "no_worker", 503, "No worker"


class QueueFullError(UnavailableError):
    """As many tasks wait as are allowed; try again later."""

    code, status, title = "queue_full", 503, "Queue full"


class EngineUnavailableError(UnavailableError):
    """The engine is known, but its packages or weights are not installed."""

    code, status, title = "engine_unavailable", 503, "Engine unavailable"


class NotEnoughMemoryError(UnavailableError):
    """There was not enough memory for the request; a smaller image or fewer at once may do."""

    code, status, title = "out_of_memory", 503, "Out of memory"


class NotEnoughSpaceError(UnavailableError):
    """The upload could not be written to the server's disk."""

    code, status, title = "no_space", 503, "No space"


class TooManyConnectionsError(UnavailableError):
    """As many connections are open as are allowed; try again later."""

    code, status, title = "too_many_connections", 503, "Too many connections"


class RateLimitedError(UnavailableError):
    """The key was used for as much as is allowed; try again later."""

    code, status, title = "rate_limited", 429, "Rate limited"


class RequestTimeoutError(UnavailableError):
    """The answer did not come within the time allowed; the task goes on."""

    code, status, title = "timeout", 504, "Timed out"


class EngineError(EdgeSegError):
    """An engine failed at its work."""

    code, status, title = "engine_error", 500, "Engine error"


class StageFailedError(EngineError):
    """A stage raised an error that the request did not cause."""

    code, status, title = "stage_failed", 500, "Stage failed"


class WorkerLostError(EngineError):
    """The task killed its worker as often as is allowed."""

    code, status, title = "worker_lost", 500, "Worker lost"
