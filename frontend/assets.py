"""Files for the browser: the stage's modules and styles, and the sample images."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
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
    Mount("/stage", Assets(directory=FOLDER)),
    Route("/samples", _list_samples),
    Route("/samples/{title}", _sample),
)
