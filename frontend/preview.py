"""``POST /preview``: an image that browsers cannot show (TIFF, 16 bits), as one that they can."""

from __future__ import annotations

import io

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edgeseg.codecs import decode_image
from edgeseg.errors import EdgeSegError, ImageTooLargeError
from edgeseg.settings import get_settings

QUALITY = 92


class Previews:
    """Decodes one image at a time, within the limits of the API."""

    def __init__(self) -> None:
        self._turn = CapacityLimiter(1)

    @property
    def route(self) -> Route:
        """Where it is."""
        return Route("/preview", self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """Answer with the image as a JPEG of the same size, upright, or with why it is none."""
        try:
            data = await _read(request, get_settings().max_image_bytes)
            shown = await to_thread.run_sync(_jpeg, data, limiter=self._turn)
        except EdgeSegError as error:
            problem = error.to_problem(request.url.path)
            return JSONResponse(problem, error.status, media_type="application/problem+json")
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(shown, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _read(request: Request, max_bytes: int) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > max_bytes:
            raise ImageTooLargeError(f"The image has more than {max_bytes} bytes.")
    return bytes(data)


def _jpeg(data: bytes) -> bytes:
    settings = get_settings()
    image = decode_image(
        data, max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels
    )
    out = io.BytesIO()
    PIL.Image.fromarray(image.rgb).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
