"""A language model behind real HTTP: what is sent, what comes back, and what goes wrong."""

from __future__ import annotations

import base64
import io
import logging
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions, LanguageServer
from edgeseg.engines.llm.server import IMAGE_PX, ServerModel
from edgeseg.engines.llm.simplifier import LanguageSimplifier
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.errors import EngineUnavailableError
from edgeseg.schemas import Simplification
from edgeseg.settings import Settings
from edgeseg.types import Image
from tests.unit.engines.llm.chat_server import ChatServer, Reply, serving

KEY = "sk-do-not-tell-3141592653"
NEED = "Where should I throw the wrapper?"
BIN = Reply('{"phrases": ["trash bin"], "filters": []}')


def settings(chat: ChatServer, **changes: Any) -> Settings:
    values = {"llm_url": chat.url, "llm_model": "tiny", "llm_key": KEY, **changes}
    return Settings(**values)


def ask(chat: ChatServer, image: Image | None = None, **changes: Any) -> Simplification:
    options = EngineOptions.from_settings(settings(chat, **changes))
    engine = registry.load("simplify", "openai", options)
    assert isinstance(engine, LanguageSimplifier)
    try:
        return engine.simplify(NEED, image)
    finally:
        engine.close()


def is_fallback(made: Simplification) -> bool:
    return made.phrases == NanoSimplifier().simplify(NEED).phrases and len(made.warnings) == 1


def test_an_answer_comes_back() -> None:
    with serving(BIN) as chat:
        made = ask(chat)
    assert (made.phrases, made.changed, made.warnings) == (["trash bin"], True, [])
    path, headers, body = chat.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body["model"] == "tiny"
    assert body["temperature"] == 0
    assert [each["role"] for each in body["messages"]][:2] == ["system", "user"]
    assert NEED in body["messages"][-1]["content"]


def test_without_a_key_none_is_sent() -> None:
    with serving(BIN) as chat:
        ask(chat, llm_key=None)
    assert "authorization" not in chat.asked[0][1]


def test_bad_json_is_repaired() -> None:
    with serving(Reply("a trash bin"), BIN) as chat:
        made = ask(chat)
    assert (made.phrases, made.warnings) == (["trash bin"], [])
    repaired = chat.asked[1][2]["messages"]
    assert repaired[-2] == {"role": "assistant", "content": "a trash bin"}
    assert "Invalid JSON" in repaired[-1]["content"]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(status=401, body=f'{{"error": "bad key {KEY}"}}'.encode()), "401: EDGESEG_LLM_KEY"),
        (Reply(status=403, body=b"{}"), "403: EDGESEG_LLM_KEY"),
        (Reply(status=429, body=b"{}"), "answered 429"),
        (Reply(status=500, body=b"oops"), "answered 500"),
        (Reply(status=307, headers={"location": "http://127.0.0.1:9/"}), "answered 307"),
        (Reply(refusal="I can't help with that."), "refused"),
        (Reply(""), "empty"),
        (Reply(body=b"<html>"), "no message"),
        (Reply(body=b'{"choices": []}'), "no message"),
        (Reply(body=b'{"choices": [{"message": 3}]}'), "no message"),
        (Reply("late", delay_s=2.0), "within 0.5 s"),
    ],
)
def test_what_goes_wrong_is_a_warning_and_the_rules_answer(
    reply: Reply, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(reply) as chat, caplog.at_level(logging.DEBUG):
        made = ask(chat, llm_timeout_s=0.5)
    assert is_fallback(made)
    assert problem in made.warnings[0]
    assert KEY not in made.model_dump_json()
    assert KEY not in caplog.text


def test_a_server_that_is_away_is_a_warning() -> None:
    with serving() as chat:
        pass
    made = ask(chat)
    assert is_fallback(made)
    assert "cannot be reached" in made.warnings[0]


def test_a_server_that_knows_no_hints_is_asked_without_them() -> None:
    unknown = Reply(status=400, body=b'{"error": "unknown parameter: response_format"}')
    with serving(unknown, BIN, BIN) as chat:
        engine = LanguageSimplifier(
            ServerModel(LanguageServer(chat.url + "/chat/completions/", "tiny"))
        )
        assert engine.simplify(NEED).phrases == ["trash bin"]
        assert engine.simplify(NEED).phrases == ["trash bin"]
        engine.close()
    hinted = ["temperature" in body for _, _, body in chat.asked]
    assert hinted == [True, False, False]


@pytest.mark.parametrize("sees", [True, False])
def test_the_image_is_sent_only_where_that_is_set(sees: bool) -> None:
    wide = Image.from_array(np.full((300, 3000, 3), 90, np.uint8))
    with serving(BIN) as chat:
        ask(chat, wide, llm_images=sees)
    content = chat.asked[0][2]["messages"][-1]["content"]
    if not sees:
        assert isinstance(content, str)
        return
    shown, text = content
    assert NEED in text["text"]
    head, _, data = shown["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    with PIL.Image.open(io.BytesIO(base64.b64decode(data))) as pil_image:
        assert pil_image.size == (IMAGE_PX, 77)


@pytest.mark.parametrize(
    "url", ["localhost:11434", "ftp://host/v1", f"http://me:{KEY}@host/v1", f"http://host/?k={KEY}"]
)
def test_an_address_of_no_use_is_said_without_its_secrets(url: str) -> None:
    with pytest.raises(EngineUnavailableError, match="EDGESEG_LLM_URL") as caught:
        ServerModel(LanguageServer(url, "tiny"))
    assert KEY not in str(caught.value)


def test_it_is_available_once_it_is_set() -> None:
    rows = {row.name: row for row in registry.describe(Settings()) if row.role == "simplify"}
    assert rows["openai"].missing == "set EDGESEG_LLM_URL and EDGESEG_LLM_MODEL"
    ready = Settings(llm_url="http://localhost:11434/v1", llm_model="qwen3:0.6b")
    rows = {row.name: row for row in registry.describe(ready) if row.role == "simplify"}
    assert rows["openai"].available
    with pytest.raises(EngineUnavailableError, match="EDGESEG_LLM_URL"):
        registry.load("simplify", "openai", EngineOptions())


def test_the_key_is_not_shown() -> None:
    with serving() as chat:
        options = EngineOptions.from_settings(settings(chat))
    assert KEY not in repr(options)


def test_it_simplifies_for_the_pipeline(chelsea: Any) -> None:
    replies = Reply('{"phrases": ["cat"]}'), Reply(status=401, body=b"{}")
    with (
        serving(*replies) as chat,
        EdgeSegAI(simplifier="openai", settings=settings(chat)) as ai,
    ):
        made = ai.segment_image(chelsea, NEED)
        assert made.result.phrases == ["cat"]
        assert made.result.engines["simplify"].name == "openai"
        assert "401" in ai.segment_image(chelsea, NEED).result.warnings[0]
