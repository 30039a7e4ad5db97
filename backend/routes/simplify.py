"""POST /simplify: the simplified prompt, for review before segmenting."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageField, KeyHeader, PreferHeader, SimplifyForm, fields_of
from backend.headers import only_fields
from backend.routes.openapi import IMAGE_RESPONSES
from backend.services import ServicesDep
from backend.uploads import read_upload
from edgeseg.schemas import Simplification, SimplifyRequest

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*fields_of(SimplifyRequest)))],
    route_class=AdmittedRoute,
)


@router.post("/simplify", response_model=Simplification, responses=IMAGE_RESPONSES)
async def simplify(
    request: Request,
    services: ServicesDep,
    form: SimplifyForm,
    image: ImageField = None,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Return the phrases to detect, the filters that would apply, and the reason.

    A simplifier that accepts images uses the image, if there is one.
    """
    gateway.check_engines(services, form.engines)
    upload = await read_upload(services, image) if image is not None else None
    uploads = [] if upload is None else [upload]
    task_id = await gateway.submit(
        services, request, "simplify", ("simplify",), form, form.text_prompt, uploads
    )
    return await gateway.answer(services, request, task_id)
