"""Evaluation of segmenters by simulated prompts on annotated masks."""

from edgeseg.evaluation.masks.average_precision import read_boxes
from edgeseg.evaluation.masks.dataset import FORMATS, MaskDataset, choose_images, open_dataset
from edgeseg.evaluation.masks.protocol import MaskProtocol
from edgeseg.evaluation.masks.records import MaskRecord, RecordFile
from edgeseg.evaluation.masks.run import evaluate_masks
from edgeseg.evaluation.masks.tally import MaskTally

__all__ = [
    "FORMATS",
    "MaskDataset",
    "MaskProtocol",
    "MaskRecord",
    "MaskTally",
    "RecordFile",
    "choose_images",
    "evaluate_masks",
    "open_dataset",
    "read_boxes",
]
