"""Scaling, padding and cutting inside ONNX files, so that they take photos and give their masks.

The graphs compute what `Letterbox` does, written out in ONNX's own text form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX as FRAME_PX
from edgeseg.engines.export.graphs import MEAN, STD
from edgeseg.engines.export.onnx_files import OPSET

# In the graphs, SIDE stands for the pixels of the input's side and LOW for those of its masks.
# From ``size``, the height and width of a photo, to ``scaled``, its size within the input. In
# double precision, as Python computes it.
_SCALED = """
  size_d = Cast<to=11>(size)
  longest = ReduceMax<keepdims=1>(size_d)
  side = Constant<value_ints=[SIDE, SIDE]>()
  side_d = Cast<to=11>(side)
  scale = Div(side_d, longest)
  exact = Mul(size_d, scale)
  half = Constant<value_floats=[0.5]>()
  half_d = Cast<to=11>(half)
  raised = Add(exact, half_d)
  rounded = Floor(raised)
  one = Constant<value_floats=[1.0]>()
  one_d = Cast<to=11>(one)
  scaled_d = Max(rounded, one_d)
  scaled = Cast<to=7>(scaled_d)
"""
_PHOTO = f"""
photo_to_image (uint8[height, width, 3] photo) => (float[1, 3, SIDE, SIDE] image) {{
  shape = Shape(photo)
  zero = Constant<value_ints=[0]>()
  two = Constant<value_ints=[2]>()
  size = Slice(shape, zero, two)
  {_SCALED}
  planes = Transpose<perm=[2, 0, 1]>(photo)
  batch = Unsqueeze(planes, zero)
  pixels = Cast<to=1>(batch)
  planes_of_one = Constant<value_ints=[1, 3]>()
  wanted = Concat<axis=0>(planes_of_one, scaled)
  small = Resize<mode="linear", antialias=1, coordinate_transformation_mode="half_pixel">(
    pixels, , , wanted)
  channels = Constant<value_ints=[1, 3, 1, 1]>()
  mean = Constant<value_floats=[{", ".join(map(str, MEAN))}]>()
  mean_4d = Reshape(mean, channels)
  std = Constant<value_floats=[{", ".join(map(str, STD))}]>()
  std_4d = Reshape(std, channels)
  centred = Sub(small, mean_4d)
  normal = Div(centred, std_4d)
  before = Constant<value_ints=[0, 0, 0, 0, 0, 0]>()
  after = Sub(side, scaled)
  pads = Concat<axis=0>(before, after)
  padded = Pad(normal, pads)
  fixed = Constant<value_ints=[1, 3, SIDE, SIDE]>()
  image = Reshape(padded, fixed)
}}
"""
_POINTS = f"""
points_to_input (float[1, points, 2] point_coords, int64[2] photo_size_hw)
  => (float[1, points, 2] input_coords, int64[2] size_hw) {{
  size = Identity(photo_size_hw)
  {_SCALED}
  share_d = Div(scaled_d, size_d)
  share_f = Cast<to=1>(share_d)
  to_frame = Constant<value_floats=[{float(FRAME_PX)}]>()
  side_f = Cast<to=1>(side)
  frame = Div(to_frame, side_f)
  share_hw = Mul(share_f, frame)
  order = Constant<value_ints=[1, 0]>()
  share_xy = Gather<axis=0>(share_hw, order)
  input_coords = Mul(point_coords, share_xy)
  size_hw = Identity(photo_size_hw)
}}
"""
_MASKS = f"""
masks_to_photo (float[1, 4, LOW, LOW] low, int64[2] size)
  => (float[1, 4, height, width] masks, float[1, 4, LOW, LOW] low_res_masks) {{
  {_SCALED}
  four = Constant<value_ints=[1, 4]>()
  input_size = Concat<axis=0>(four, side)
  large = Resize<mode="linear", coordinate_transformation_mode="half_pixel">(low, , , input_size)
  zero = Constant<value_ints=[0, 0]>()
  axes = Constant<value_ints=[2, 3]>()
  cut = Slice(large, zero, scaled, axes)
  photo_size = Concat<axis=0>(four, size)
  masks = Resize<mode="linear", coordinate_transformation_mode="half_pixel">(cut, , , photo_size)
  low_res_masks = Identity(low)
}}
"""


def add_processing(encoder: Path, decoder: Path, input_px: int) -> None:
    """Let the encoder take a photo, and the decoder points and masks in the photo's pixels.

    Rewrites the files. The encoder takes ``photo`` (H, W, 3) uint8 RGB in place of ``image``. The
    decoder takes ``photo_size_hw`` (2,) int64 too; its ``masks`` are (1, 4, H, W), and those of
    a quarter of the input's size are ``low_res_masks``.
    """
    import onnx
    from onnx import compose

    model = onnx.load(encoder)
    before = _part(_PHOTO, input_px, model)
    onnx.save(compose.merge_models(before, model, [("image", "image")]), encoder)
    model = compose.add_prefix(
        onnx.load(decoder), "net/", rename_inputs=False, rename_outputs=False
    )
    model = _renamed(model, {"point_coords": "net/point_coords", "masks": "net/masks"})
    joined = compose.merge_models(
        _part(_POINTS, input_px, model), model, [("input_coords", "net/point_coords")]
    )
    after = _part(_MASKS, input_px, model, "after/")
    whole = compose.merge_models(
        joined, after, [("net/masks", "after/low"), ("size_hw", "after/size")]
    )
    names = {"after/masks": "masks", "after/low_res_masks": "low_res_masks"}
    onnx.save(_renamed(whole, names), decoder)


def _part(text: str, input_px: int, like: Any, prefix: str = "") -> Any:
    """Parse a graph, of the same version as another one."""
    from onnx import compose, parser

    head = f'<ir_version: {like.ir_version}, opset_import: ["": {OPSET}]>\n'
    sized = text.replace("SIDE", str(input_px)).replace("LOW", str(input_px // 4))
    part = parser.parse_model(head + sized)
    return compose.add_prefix(part, prefix) if prefix else part


def _renamed(model: Any, names: dict[str, str]) -> Any:
    """Give inputs and outputs of a model other names."""
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model
