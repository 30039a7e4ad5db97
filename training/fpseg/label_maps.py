"""Photos with label maps, as they are evaluated on."""

from edgeseg.evaluation.label_maps import NOT_COUNTED, LabelledPhoto, confusion_of, ious, read

__all__ = ["NOT_COUNTED", "LabelledPhoto", "confusion_of", "ious", "read"]
