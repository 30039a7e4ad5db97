"""POST /detect: boxes only."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import DetectForm, ImageDep, KeyHeader, PreferHeader, image_and
from backend.routes.openapi import IMAGE_RESPONSES, also_json
from backend.services import ServicesDep
from edgeseg.schemas import DetectionResult, DetectRequest, plan

router = APIRouter(
    tags=["segment"],
    dependencies=image_and(DetectRequest),
    route_class=AdmittedRoute,
)


@router.post(
    "/detect",
    response_model=DetectionResult,
    responses=IMAGE_RESPONSES,
    openapi_extra=also_json(DetectRequest),
)
async def detect(
    request: Request,
    services: ServicesDep,
    form: DetectForm,
    image: ImageDep,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find what the prompt names and return a box for each object, without masks."""
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "detect", stages, form, image)
