"""How right engines are: boxes and masks against COCO-format annotations."""

from edgeseg.evaluation.data import LabelledImage, Truth, read_truth
from edgeseg.evaluation.measure import evaluate

__all__ = ["LabelledImage", "Truth", "evaluate", "read_truth"]
