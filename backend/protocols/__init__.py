"""Protocols of labelling tools, each under a prefix of its own."""

from fastapi import APIRouter

from backend.protocols import label_studio, osam, x_anylabeling

ROUTERS: tuple[APIRouter, ...] = (
    label_studio.router,
    label_studio.predicting,
    x_anylabeling.router,
    x_anylabeling.predicting,
    osam.predicting,
)
