"""How right engines are: boxes and masks against COCO-format annotations."""

from edgeseg.evaluation.clicks import (
    Click,
    centre_click,
    largest_error_click,
    random_click,
    random_error_click,
)
from edgeseg.evaluation.data import LabelledImage, Truth, read_truth
from edgeseg.evaluation.mask_metrics import boundary_iou, clicks_needed, mask_iou, mean_iou
from edgeseg.evaluation.metrics import evaluate
from edgeseg.evaluation.vocabulary import evaluate_words, read_absent, read_synonyms

__all__ = [
    "Click",
    "LabelledImage",
    "Truth",
    "boundary_iou",
    "centre_click",
    "clicks_needed",
    "evaluate",
    "evaluate_words",
    "largest_error_click",
    "mask_iou",
    "mean_iou",
    "random_click",
    "random_error_click",
    "read_absent",
    "read_synonyms",
    "read_truth",
]
