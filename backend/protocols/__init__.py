"""Protocols of labelling tools, each under a prefix of its own."""

from fastapi import APIRouter

from backend.protocols import label_studio

ROUTERS: tuple[APIRouter, ...] = (label_studio.router, label_studio.predicting)
