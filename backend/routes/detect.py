"""POST /detect: boxes only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import DETECT_FIELDS, DetectForm, ImageField
from backend.headers import only_fields
from backend.routes.common import IMAGE_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import DetectionResult, plan

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*DETECT_FIELDS))],
    route_class=AdmittedRoute,
)


@router.post("/detect", response_model=DetectionResult, responses=IMAGE_RESPONSES)
async def detect(
    request: Request,
    services: ServicesDep,
    form: Annotated[DetectForm, Depends()],
    image: ImageField = None,
) -> Response:
    """Find what the prompt names and return a box for each object, without masks."""
    wanted = form.request()
    stages = plan(wanted, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "detect", stages, wanted, image)
