"""Files for the browser: the document, the stage's modules and styles, and the sample images."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import streamlit
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from frontend import samples

FOLDER = Path(__file__).with_name("stage")
# Said here, since the tables of operating systems differ, and browsers run no other type.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# A browser asks each time whether its copy is still the one here: an update shows at once.
_HEADERS = {"Cache-Control": "no-cache"}


class Assets(StaticFiles):
    """The files of a folder with the types and names that the stage has, and no others."""

    def file_response(
        self,
        full_path: PathLike,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, or 304 where the browser has it; 404 for tests and other files."""
        inside = Path(full_path).relative_to(FOLDER.resolve())
        if inside.suffix not in _TYPES or inside.parts[0] == "tests":
            raise HTTPException(404)
        response = super().file_response(full_path, stat_result, scope, status_code)
        if "content-type" in response.headers:
            response.headers["content-type"] = f"{_TYPES[inside.suffix]}; charset=utf-8"
        response.headers.update(_HEADERS)
        return response


def document() -> str:
    """Return Streamlit's document with the stage in front: its modules come first, all at once.

    Streamlit names its component only after its own scripts, a WebSocket and a run of the page;
    what a person sees need not wait for these.
    """
    page = Path(streamlit.__file__).with_name("static") / "index.html"
    head = "".join(
        f'<link rel="modulepreload" href="./stage/{module.name}">'
        for module in sorted(FOLDER.glob("*.js"))
    )
    head += '<script type="module" src="./stage/early.js"></script>'
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{head}", 1)
    return text.replace("<title>Streamlit</title>", "<title>EdgeSeg</title>", 1)


async def _document(_: Request) -> Response:
    """Answer with the document of the UI."""
    return HTMLResponse(document(), headers=_HEADERS)


async def _list_samples(_: Request) -> Response:
    """Answer with the samples: title, name of the file, a prompt that fits, where it is."""
    rows = [
        {"title": title, "prompt": prompt, "url": f"/samples/{quote(title)}"}
        for title, prompt in samples.titles().items()
    ]
    return JSONResponse(rows, headers=_HEADERS)


async def _sample(request: Request) -> Response:
    """Answer with a sample as a file."""
    try:
        photo = samples.sample(request.path_params["title"])
    except KeyError:
        raise HTTPException(404) from None
    disposition = f"inline; filename*=UTF-8''{quote(photo.name)}"
    headers = {**_HEADERS, "Content-Disposition": disposition}
    return Response(photo.data, media_type="image/png", headers=headers)


ROUTES = (
    Route("/", _document),
    Mount("/stage", Assets(directory=FOLDER)),
    Route("/samples", _list_samples),
    Route("/samples/{title}", _sample),
)
