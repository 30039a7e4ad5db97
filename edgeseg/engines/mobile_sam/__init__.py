"""MobileSAM, written from its papers: SAM with a TinyViT as its image encoder."""

from edgeseg.engines.mobile_sam.model import MobileSam, read_checkpoint
from edgeseg.engines.mobile_sam.tiny_vit import TinyVit

__all__ = ["MobileSam", "TinyVit", "read_checkpoint"]
