"""What was decoded, as results say it: an object for each class that is seen, and a label map."""

from __future__ import annotations

from collections.abc import Sequence

import PIL.Image

from edgeseg.classes.decode import Decoded
from edgeseg.classes.pack import ClassPack, PackClass
from edgeseg.codecs import encode_png, rle_area, rle_box, to_base64
from edgeseg.schemas import ClassOfPack, FoundClasses, PackInfo, SegmentedObject, as_score
from edgeseg.types import UInt8Array


def found(pack: ClassPack, decoded: Decoded) -> tuple[FoundClasses, list[SegmentedObject]]:
    """Return the facts of a result and its objects; a class without a pixel is none of these."""
    objects: list[SegmentedObject] = []
    rows = zip(decoded.finished, decoded.masks, decoded.confidences, strict=True)
    for each, mask, confidence in rows:
        box = rle_box(mask)
        if box is not None:
            score, area = as_score(confidence), rle_area(mask)
            fields = {"label": each.name, "score": score, "box": box, "mask": mask, "area": area}
            objects.append(SegmentedObject(id=len(objects), **fields))
    png = label_png(decoded.label_map, [each.colour for each in pack.classes])
    facts = FoundClasses(
        pack=pack.name,
        finished=_of_pack(pack, decoded.finished),
        unfinished=_of_pack(pack, decoded.unfinished),
        label_map=to_base64(png),
    )
    return facts, objects


def describe(pack: ClassPack) -> PackInfo:
    """Return what the API and the command line say of a pack."""
    return PackInfo(
        name=pack.name,
        classes=_of_pack(pack, pack.classes),
        encoder=pack.base.encoder,
        encoder_fingerprint=pack.base.encoder_fingerprint,
        decoder_fingerprint=pack.base.decoder_fingerprint,
        background_threshold=pack.background_threshold,
        figures=dict(pack.figures),
    )


def label_png(numbers: UInt8Array, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """Encode (H, W) numbers of classes as a PNG whose palette has their colours; 255 is black."""
    image = PIL.Image.fromarray(numbers)
    palette = [value for colour in colours for value in colour]
    image.putpalette(palette + [0] * (768 - len(palette)))
    return encode_png(image)


def _of_pack(pack: ClassPack, classes: Sequence[PackClass]) -> list[ClassOfPack]:
    numbers = {each.name: number for number, each in enumerate(pack.classes)}
    return [
        ClassOfPack(name=each.name, number=numbers[each.name], color=each.colour)
        for each in classes
    ]
