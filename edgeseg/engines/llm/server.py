"""A language model behind HTTP, by the chat completions that OpenAI's interface describes.

Ollama, vLLM, llama.cpp and hosted models serve it. The key comes from the environment and goes
to the server's address alone: never into a task, a log or an error.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import httpx
import PIL.Image

from edgeseg.engines.base import EngineOptions, LanguageServer
from edgeseg.engines.llm.conversation import Message
from edgeseg.engines.llm.extractor import LanguageExtractor
from edgeseg.engines.llm.simplifier import LanguageSimplifier
from edgeseg.errors import EngineError, EngineUnavailableError
from edgeseg.types import Image

MAX_TOKENS = 512
# Images are shown no larger than this, in pixels along the longest side.
IMAGE_PX = 768
_REFUSED_KEY = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


def simplifier(options: EngineOptions) -> LanguageSimplifier:
    """Build the simplifier that asks the server of the options.

    Raises EngineUnavailableError for an address or a model's name that is missing or of no use.
    """
    return LanguageSimplifier(ServerModel(_server(options)))


def extractor(options: EngineOptions) -> LanguageExtractor:
    """Build the extractor that asks the server of the options; raises as `simplifier` does."""
    model = ServerModel(_server(options))
    return LanguageExtractor(model, with_image=options.extract_image)


def _server(options: EngineOptions) -> LanguageServer:
    if options.language_server is None:
        raise EngineUnavailableError(
            "The engine 'openai' needs a server: set EDGESEG_LLM_URL and EDGESEG_LLM_MODEL."
        )
    return options.language_server


class ServerModel:
    """Asks a server; nothing is kept between two questions but the connection."""

    name = "openai"
    device = "server"

    def __init__(self, server: LanguageServer) -> None:
        self.dtype = "unknown"
        self.accepts_image = server.sees_images
        self._server = server
        # Some servers know neither a format nor a temperature; then they are not told again.
        self._hints: dict[str, Any] = {
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "response_format": {"type": "json_object"},
        }
        headers = {"user-agent": "edgeseg"}
        if server.key is not None:
            headers["authorization"] = f"Bearer {server.key.get_secret_value()}"
        self._client = httpx.Client(
            base_url=_address(server.url), headers=headers, timeout=server.timeout_s
        )

    def answer(self, turns: Sequence[Message]) -> str:
        """Return what the model says next; raises EngineError when there is no answer."""
        said = {
            "model": self._server.model,
            "messages": [{"role": turn.speaker, "content": _content(turn)} for turn in turns],
        }
        answer = self._post({**said, **self._hints})
        if answer.status_code == httpx.codes.BAD_REQUEST and self._hints:
            answer = self._post(said)
            if answer.is_success:
                self._hints = {}
        if answer.status_code in _REFUSED_KEY:
            raise EngineError(
                f"The server answered {answer.status_code}: EDGESEG_LLM_KEY is missing or wrong."
            )
        if not answer.is_success:
            raise EngineError(f"The server answered {answer.status_code}.")
        return _text(answer)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        try:
            return self._client.post("chat/completions", json=body)
        except httpx.TimeoutException:
            raise EngineError(
                f"The server did not answer within {self._server.timeout_s:g} s."
            ) from None
        except httpx.HTTPError as error:
            raise EngineError(f"The server cannot be reached ({type(error).__name__}).") from None


def _address(text: str) -> httpx.URL:
    """Return the base of the interface, such as http://localhost:11434/v1/."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise EngineUnavailableError(f"EDGESEG_LLM_URL is not a valid URL: {error}.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise EngineUnavailableError("EDGESEG_LLM_URL: expected http://HOST:PORT/v1.")
    if url.userinfo or url.query or url.fragment:
        raise EngineUnavailableError(
            "EDGESEG_LLM_URL holds more than an address; a key belongs into EDGESEG_LLM_KEY."
        )
    path = url.path.rstrip("/").removesuffix("/chat/completions")
    return url.copy_with(path=f"{path}/")


def _text(answer: httpx.Response) -> str:
    """Return the text of the first choice."""
    try:
        message = answer.json()["choices"][0]["message"]
        refused, said = message.get("refusal"), message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise EngineError("The server's answer holds no message.") from None
    if refused:
        raise EngineError("The model refused to answer.")
    if not isinstance(said, str) or not said.strip():
        raise EngineError("The model's answer is empty.")
    return said


def _content(turn: Message) -> str | list[dict[str, Any]]:
    if turn.image is None:
        return turn.text
    return [
        {"type": "image_url", "image_url": {"url": _data_url(turn.image)}},
        {"type": "text", "text": turn.text},
    ]


def _data_url(image: Image) -> str:
    pil_image = PIL.Image.fromarray(image.rgb)
    pil_image.thumbnail((IMAGE_PX, IMAGE_PX))
    out = io.BytesIO()
    pil_image.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
