"""Draw photos of laid tables with exact masks, for what real photos show too rarely.

A cup on a saucer of its own colour, a spoon that leans on it, the shadow beside it: the real photos
have 150 masks of cups, hardly any of them so. Mitsuba 3 traces the light; tables, rooms and
reflections are made of the training photos.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import mitsuba as mi
import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from tqdm import tqdm

from training.common.data import FloatArray, PhotoSet, UInt8Array, load_nano
from training.synthetic.meshes import Mesh
from training.synthetic.scene import NAMES, Table, colour, lay

FIRST = 2
"""The first thing's number, beyond the table's own texture coordinates."""
SOURCE = "tableware"
MIN_SEEN_PX = 60
WIDTH, SAMPLES = 272, 12
"""Pixels, and paths of light for each; what noise is left is smoothed away."""
BRIGHT = 0.7
"""The 90th percentile of the linear light of all things, before an image's exposure is varied."""


class Studio:
    """Renders tables under lights and in rooms made of photos."""

    def __init__(
        self, photos: PhotoSet, rng: np.random.Generator, width: int = WIDTH, samples: int = SAMPLES
    ) -> None:
        # The variant for LLVM is faster where there is one that it gets on with.
        mi.set_variant("scalar_rgb")
        self.photos, self.rng, self.width, self.samples = photos, rng, width, samples
        self.numbers = mi.load_dict({"type": "aov", "aovs": "number:uv"})

    def photo(self, side: int) -> FloatArray:
        """(side, side, 3) linear light of a part of any photo."""
        rgb = self.photos.rgb(int(self.rng.integers(len(self.photos))))
        h, w = rgb.shape[:2]
        cut = int(min(h, w) * self.rng.uniform(0.4, 1))
        y, x = int(self.rng.integers(h - cut + 1)), int(self.rng.integers(w - cut + 1))
        part = cv2.resize(rgb[y : y + cut, x : x + cut], (side, side))
        return np.power(np.asarray(part, np.float32) / 255, 2.2, dtype=np.float32)

    def cloth(self) -> FloatArray:
        """(256, 256, 3) of a table: a photo, wood, or plain."""
        kind = self.rng.random()
        if kind < 0.45:
            return self.photo(256)
        base = np.array(colour(self.rng), np.float32)
        if kind > 0.8:
            return np.full((256, 256, 3), base, np.float32)
        fine, coarse = self.rng.normal(0, 1, (256, 8)), self.rng.normal(0, 0.7, (48, 4))
        grain = np.add(cv2.resize(fine, (256, 256)), cv2.resize(coarse, (256, 256)))
        wood = (0.25, 0.11, 0.04) if self.rng.random() < 0.7 else base
        shade = np.exp(grain * self.rng.uniform(0.1, 0.4))[..., None]
        return np.clip(np.array(wood) * shade, 0, 0.95).astype(np.float32)

    def room(self) -> FloatArray:
        """(32, 64, 3) light from all round: a blurred photo with brighter lights than it shows."""
        dark = np.power(cv2.resize(self.photo(64), (64, 32)), self.rng.uniform(1, 2))
        light = np.array(cv2.GaussianBlur(dark * self.rng.uniform(0.3, 1.5), (0, 0), 1.5))
        for _ in range(self.rng.integers(0, 4)):
            y, x = int(self.rng.integers(0, 14)), int(self.rng.integers(0, 60))
            light[y : y + int(self.rng.integers(1, 7)), x : x + int(self.rng.integers(1, 9))] += 6
        return light.astype(np.float32)

    def lamp(self) -> dict[str, Any]:
        """A small or a large lamp above: hard or soft shadows."""
        around, up = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.25, 1.3)
        radius = float(np.exp(self.rng.uniform(np.log(0.15), np.log(1.2))))
        where = 6 * np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
        power = self.rng.uniform(2, 30) / radius**2
        warm = np.array([1, self.rng.uniform(0.75, 1), self.rng.uniform(0.5, 1)]) * power
        light = {"type": "area", "radiance": {"type": "rgb", "value": warm.tolist()}}
        return {"type": "sphere", "center": where.tolist(), "radius": radius, "emitter": light}

    def cameras(self, size_hw: tuple[int, int], front_rad: float | None) -> list[dict[str, Any]]:
        """One that takes the image, and one in its place that samples each pixel once.

        From somewhere above, near enough to fill the image; half of the time from the front, if
        there is one, where a spoon hides a part of the cup.
        """
        rng = self.rng
        up, around = rng.uniform(0.25, 1.35), rng.uniform(0, 2 * np.pi)
        if front_rad is not None and rng.random() < 0.5:
            around = front_rad + rng.normal(0, 0.6)
        fov = rng.uniform(22, 50)
        span = rng.uniform(0.75, 1.9) / np.tan(np.radians(fov / 2))
        target = np.array([*rng.normal(0, 0.25, 2), 0.3])
        from_xyz = [np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)]
        roll = rng.normal(0, 0.08)
        look = mi.ScalarTransform4f().look_at(
            origin=(target + span * np.array(from_xyz)).tolist(),
            target=target.tolist(),
            up=[-np.sin(around) * roll, np.cos(around) * roll, 1.0],
        )
        film = {"type": "hdrfilm", "width": size_hw[1], "height": size_hw[0]}
        one = {"type": "perspective", "fov": float(fov), "to_world": look}
        return [
            {
                **one,
                "film": {**film, "pixel_format": "rgb", "rfilter": {"type": kind}},
                "sampler": {"type": "independent", "sample_count": samples},
            }
            for kind, samples in (("gaussian", self.samples), ("box", 1))
        ]

    def scene(self, table: Table, size_hw: tuple[int, int]) -> Any:
        """Everything, ready to be rendered."""
        cloth = {"type": "bitmap", "bitmap": mi.Bitmap(self.cloth()), "raw": True}
        turned = mi.ScalarTransform4f().rotate([0, 0, 1], float(self.rng.uniform(0, 360)))
        size = float(np.exp(self.rng.uniform(np.log(1.7), np.log(6))))
        parts = {
            f"part{k}": loaded(mesh, index, material)
            for k, (mesh, index, material) in enumerate(table.meshes)
        }
        camera, counter = self.cameras(size_hw, table.front_rad)
        return mi.load_dict(
            {
                "type": "scene",
                "integrator": {"type": "path", "max_depth": 5},
                "room": {"type": "envmap", "bitmap": mi.Bitmap(self.room())},
                "lamp": self.lamp(),
                "table": {
                    "type": "rectangle",
                    "to_world": turned.scale(size),
                    "bsdf": self.board(cloth),
                },
                "camera": camera,
                "counter": counter,
                **parts,
            }
        )

    def board(self, cloth: dict[str, Any]) -> dict[str, Any]:
        """The table's material: dull, or varnished."""
        if self.rng.random() < 0.5:
            return {"type": "twosided", "inner": {"type": "diffuse", "reflectance": cloth}}
        alpha = float(self.rng.uniform(0.08, 0.4))
        inner = {"type": "roughplastic", "diffuse_reflectance": cloth, "alpha": alpha}
        return {"type": "twosided", "inner": inner}

    def photograph(self, scene: Any, things: UInt8Array) -> UInt8Array:
        """(H, W, 3) RGB, exposed for what lies on the table, (H, W) `things` in {0, 1}."""
        seed = mi.UInt32(int(self.rng.integers(2**31)))
        light = np.nan_to_num(np.array(mi.render(scene, sensor=0, seed=seed)))
        # Few paths of light find a lamp in a mirror: what outshines its neighbours is an accident.
        light = np.minimum(light, 1.5 * cv2.medianBlur(light, 3) + 0.02)
        light *= BRIGHT / max(float(np.percentile(light[things > 0], 90)), 1e-4)
        light *= np.exp(self.rng.normal(0, 0.25))
        shown = (np.clip(light, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        smooth: UInt8Array = cv2.fastNlMeansDenoisingColored(shown, None, 7, 10, 5, 13)
        return smooth

    def seen(self, scene: Any, count: int) -> UInt8Array:
        """(count, H, W) in {0, 1}: what of each thing the camera sees."""
        # The number of a thing is the texture coordinate of all its corners.
        frame = np.array(mi.render(scene, sensor=1, integrator=self.numbers, spp=1))
        number = np.rint(frame[..., -2]).astype(int) - FIRST
        return (number == np.arange(count)[:, None, None]).astype(np.uint8)

    def shoot(self) -> tuple[UInt8Array, list[str], UInt8Array]:
        """An image, the names of the things on it, and their masks."""
        table = lay(self.rng)
        size_hw = (int(self.width * self.rng.uniform(0.65, 0.95)), self.width)
        scene = self.scene(table, size_hw)
        masks = self.seen(scene, len(table.things))
        if not masks.any():
            return self.shoot()
        return self.photograph(scene, masks.max(0)), table.things, masks


def loaded(mesh: Mesh, index: int, material: dict[str, Any]) -> Any:
    """A part of the thing of that index, as the renderer keeps it."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(material)
    count = len(mesh.vertices)
    shape = mi.Mesh(
        "part",
        count,
        len(mesh.faces),
        has_vertex_normals=True,
        has_vertex_texcoords=True,
        props=properties,
    )
    values = mi.traverse(shape)
    values["vertex_positions"], values["faces"] = mesh.vertices.ravel(), mesh.faces.ravel()
    values["vertex_texcoords"] = np.full(count * 2, index + FIRST, np.float32)
    values.update()
    shape.recompute_vertex_normals()
    return shape


def rows_of(number: int, names: list[str], masks: UInt8Array, first: int) -> list[dict[str, Any]]:
    """COCO annotations of what can be seen of each thing."""
    rows: list[dict[str, Any]] = []
    for name, mask in zip(names, masks, strict=True):
        if int(mask.sum()) < MIN_SEEN_PX:
            continue
        rle = coco_mask.encode(np.asfortranarray(mask))
        rows.append(
            {
                "id": first + len(rows),
                "image_id": number,
                "category_id": NAMES.index(name) + 1,
                "bbox": coco_mask.toBbox(rle).tolist(),
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
            }
        )
    return rows


def write(studio: Studio, scenes: int, seed: int, out: Path) -> None:
    """Images into the .tar `out`, and their labels, in COCO format, into a .json.gz beside it."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with tarfile.open(out, "w") as archive:
        for number in tqdm(range(scenes), unit="image"):
            rgb, names, masks = studio.shoot()
            data = io.BytesIO()
            Image.fromarray(rgb).save(data, "WEBP", quality=90)
            member = tarfile.TarInfo(f"tableware-{seed}-{number}.webp")
            member.size = data.tell()
            data.seek(0)
            archive.addfile(member, data)
            images.append({"id": number, "file_name": member.name, "source": SOURCE})
            annotations += rows_of(number, names, masks, len(annotations))
    table = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(NAMES)],
        "info": {"sources": {SOURCE: {"exhaustive": list(NAMES)}}},
    }
    out.with_suffix(".json.gz").write_bytes(gzip.compress(json.dumps(table).encode()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("out", type=Path, help="a .tar; labels go beside it as .json.gz")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    photos = load_nano(args.data, args.cache)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write(Studio(photos, np.random.default_rng(args.seed)), args.scenes, args.seed, args.out)


if __name__ == "__main__":
    main()
