"""POST /segment: words and an image in, masks out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import SEGMENT_FIELDS, DetectForm, ImageField, Visualization, segment_request
from backend.headers import only_fields
from backend.routes.common import IMAGE_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import SegmentationResult, plan

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*SEGMENT_FIELDS))],
    route_class=AdmittedRoute,
)


@router.post("/segment", response_model=SegmentationResult, responses=IMAGE_RESPONSES)
async def segment(
    request: Request,
    services: ServicesDep,
    form: Annotated[DetectForm, Depends()],
    image: ImageField = None,
    visualization: Visualization = True,
) -> Response:
    """Find what the prompt names and return a mask for each object.

    Nothing found is an answer, not an error: 200 with an empty list.
    """
    wanted = segment_request(form, visualization)
    stages = plan(wanted, services.settings.engine_for("ground"))
    return await gateway.run_on_image(services, request, "segment", stages, wanted, image)
