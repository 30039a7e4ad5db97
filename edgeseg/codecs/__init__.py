"""Image bytes to arrays and back; masks to run lengths, PNG and back."""

from edgeseg.codecs.formats import SUFFIXES
from edgeseg.codecs.image import (
    decode_image,
    encode_jpeg,
    encode_png,
    inspect_image,
    to_base64,
    upright_file,
)
from edgeseg.codecs.mask import (
    label_map,
    mask_to_png,
    mask_to_rle,
    masks_to_rles,
    png_to_mask,
    rle_area,
    rle_box,
    rle_overlap,
    rle_to_mask,
    rle_to_small_mask,
    rle_vertices,
    runs_to_mask,
    union_of,
    window_to_rle,
)
from edgeseg.codecs.sources import ImageSource, file_bytes, load_image

__all__ = [
    "ImageSource",
    "SUFFIXES",
    "decode_image",
    "encode_jpeg",
    "encode_png",
    "file_bytes",
    "inspect_image",
    "label_map",
    "load_image",
    "mask_to_png",
    "mask_to_rle",
    "masks_to_rles",
    "png_to_mask",
    "rle_area",
    "rle_box",
    "rle_overlap",
    "rle_to_mask",
    "rle_to_small_mask",
    "rle_vertices",
    "runs_to_mask",
    "to_base64",
    "union_of",
    "upright_file",
    "window_to_rle",
]
