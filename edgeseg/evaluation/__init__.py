"""How right engines are: boxes and masks against COCO-format annotations."""

from edgeseg.evaluation.data import LabelledImage, Truth, read_truth
from edgeseg.evaluation.metrics import evaluate
from edgeseg.evaluation.vocabulary import evaluate_words, read_absent, read_synonyms

__all__ = [
    "LabelledImage",
    "Truth",
    "evaluate",
    "evaluate_words",
    "read_absent",
    "read_synonyms",
    "read_truth",
]
