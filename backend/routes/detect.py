"""POST /detect: boxes only."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import DetectForm, ImageField, KeyHeader, PreferHeader, fields_of
from backend.headers import only_fields
from backend.routes.openapi import IMAGE_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import DetectionResult, DetectRequest, plan

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*fields_of(DetectRequest)))],
    route_class=AdmittedRoute,
)


@router.post("/detect", response_model=DetectionResult, responses=IMAGE_RESPONSES)
async def detect(
    request: Request,
    services: ServicesDep,
    form: DetectForm,
    image: ImageField = None,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find what the prompt names and return a box for each object, without masks."""
    stages = plan(form, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "detect", stages, form, image)
