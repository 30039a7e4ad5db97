"""POST /segment: words and an image in, masks out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageDep, KeyHeader, PreferHeader, SegmentForm, image_and
from backend.routes.openapi import IMAGE_RESPONSES, also_json
from backend.services import ServicesDep
from edgeseg.schemas import SegmentationResult, SegmentRequest, plan

router = APIRouter(
    tags=["segment"],
    dependencies=image_and(SegmentRequest),
    route_class=AdmittedRoute,
)


@router.post(
    "/segment",
    response_model=SegmentationResult,
    responses=IMAGE_RESPONSES,
    openapi_extra=also_json(SegmentRequest),
)
async def segment(
    request: Request,
    services: ServicesDep,
    form: SegmentForm,
    image: ImageDep,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find what the prompt names and return a mask for each object.

    Nothing found is an answer, not an error: 200 with an empty list.
    """
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "segment", stages, form, image)
