"""POST /segment: words and an image in, masks out."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageField, KeyHeader, PreferHeader, SegmentForm, fields_of
from backend.headers import only_fields
from backend.routes.openapi import IMAGE_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import SegmentationResult, SegmentRequest, plan

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*fields_of(SegmentRequest)))],
    route_class=AdmittedRoute,
)


@router.post("/segment", response_model=SegmentationResult, responses=IMAGE_RESPONSES)
async def segment(
    request: Request,
    services: ServicesDep,
    form: SegmentForm,
    image: ImageField = None,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find what the prompt names and return a mask for each object.

    Nothing found is an answer, not an error: 200 with an empty list.
    """
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "segment", stages, form, image)
