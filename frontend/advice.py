"""Error messages: what happened, and what the user can do about it."""

from __future__ import annotations

from edgeseg import errors
from edgeseg.errors import EdgeSegError

# The first class that fits gives the advice; subclasses come before their parents.
_ADVICE: tuple[tuple[type[EdgeSegError], str], ...] = (
    (errors.ImageTooLargeError, "Make the image smaller and add it again."),
    (errors.AnimatedImageError, "Save one frame as JPEG, PNG or WebP and add that."),
    (errors.InvalidImageError, "Open it in an image viewer, save it as JPEG or PNG, and try that."),
    (errors.NoEntityError, "Name things that can be seen, such as: a dog on a red sofa."),
    (errors.TooManyImagesError, "Leave out some references."),
    (errors.NoImageError, "Add an image, or pick a sample."),
    (errors.EmptyPromptError, "Write what to look for, such as: cat . dog ."),
    (errors.PromptTooLongError, "Name fewer things, or split the prompt into several requests."),
    (errors.UnknownEngineError, "Choose another engine in the sidebar."),
    (errors.EngineUnavailableError, "Choose another engine in the sidebar."),
    (errors.InvalidParameterError, "Change the value and try again."),
    (
        errors.UnknownTaskError,
        "The server keeps a finished image for some minutes only: send it again.",
    ),
    (errors.UnknownObjectError, "Send the image again to start from what the server has."),
    (errors.CancelledError, "Send the image again."),
    (errors.RequestTimeoutError, "The server is busy: try again, or use a smaller image."),
    (errors.QueueUnavailableError, "Wait a moment and try again; if it persists, start Redis."),
    (errors.QueueFullError, "The server is busy: wait a minute and try again."),
    (errors.NoWorkerError, "Wait a moment and try again; if it persists, start that worker."),
    (errors.UnavailableError, "Check that the stack runs (make up), then try again."),
    (errors.WorkerLostError, "Try a smaller image, or another engine in the sidebar."),
    (errors.EngineError, "Try again, or choose another engine in the sidebar."),
    (errors.InputError, "Change the request and try again."),
)
_ELSE = "Try again; the server's log says more."


def advice(error: EdgeSegError) -> str:
    """Return what the user can do about an error, as a sentence."""
    return next((text for kind, text in _ADVICE if isinstance(error, kind)), _ELSE)


def explain(error: EdgeSegError) -> str:
    """Return what happened and what to do, as Markdown on two lines."""
    return f"{_sentence(error.detail)}  \n**What to do:** {advice(error)}"


def escaped(text: str) -> str:
    """Keep Markdown out of a text: it may quote what people wrote."""
    return "".join("\\" + sign if sign in "\\`*_[]<>$#~:" else sign for sign in text.strip())


def _sentence(text: str) -> str:
    """End a text with a dot."""
    safe = escaped(text)
    return safe if safe.endswith((".", "!", "?")) else safe + "."
