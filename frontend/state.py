"""State of one browser session: photos, results with the user's edits, and history."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field

from edgeseg.render import Colour, class_colours, colour_of
from edgeseg.result import Segmentation
from edgeseg.schemas import (
    VISUALIZATION_FIELDS,
    BoxXYXY,
    Point,
    SegmentationResult,
    SegmentedObject,
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Photo:
    """An image file that the person added; ``key`` is the hash of its bytes."""

    name: str
    data: bytes = field(repr=False)
    key: str = ""

    @classmethod
    def from_bytes(cls, name: str, data: bytes) -> Photo:
        """Wrap a file."""
        return cls(name, data, hashlib.sha256(data).hexdigest()[:16])

    @property
    def stem(self) -> str:
        """The name without its last suffix."""
        return self.name.rsplit(".", 1)[0] or self.name


@dataclass(frozen=True)
class Snapshot:
    """What Undo goes back to."""

    objects: list[SegmentedObject]
    points: dict[int, list[Point]]
    chosen: int | None


@dataclass
class Entry:
    """One result of this session, with what the person hid, renamed and corrected."""

    photo: Photo
    prompt: str
    segmentation: Segmentation
    batch: int
    hidden: set[int] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    points: dict[int, list[Point]] = field(default_factory=dict)
    chosen: int | None = None
    undo: list[Snapshot] = field(default_factory=list)
    # Objects that the server holds in a later form than we do, since Undo is ours alone.
    behind: set[int] = field(default_factory=set)
    version: int = 0
    key: int = field(default_factory=lambda: next(_numbers))

    @property
    def objects(self) -> list[SegmentedObject]:
        """All objects under the names that they have now, hidden ones included."""
        return [
            each.model_copy(update={"label": self.names.get(each.id, each.label)})
            for each in self.segmentation.objects
        ]

    @property
    def shown(self) -> list[SegmentedObject]:
        """The objects that are not hidden."""
        return [each for each in self.objects if each.id not in self.hidden]

    @property
    def result(self) -> SegmentationResult:
        """What downloads hold: the result as it is shown."""
        changed = {"objects": self.shown, **dict.fromkeys(VISUALIZATION_FIELDS)}
        return self.segmentation.result.model_copy(update=changed)

    def colour(self, object_id: int) -> Colour:
        """Return the colour of an object: it keeps it while others are hidden.

        A class of a pack has the pack's, until it is renamed.
        """
        objects = self.segmentation.objects
        row = [each.id for each in objects].index(object_id)
        colours = class_colours(objects, self.segmentation.result.classes)
        return colour_of(row) if colours is None else colours[row]

    def replace(self, segmentation: Segmentation, object_id: int, points: list[Point]) -> None:
        """Take a corrected or new object over, and remember how it was before."""
        self.undo.append(Snapshot(self.segmentation.objects, dict(self.points), self.chosen))
        self.segmentation = segmentation
        self.points = {**self.points, object_id: points}
        self.behind.discard(object_id)
        self.chosen = object_id
        self.version += 1

    def clear(self) -> None:
        """Take all objects off the image, and remember them."""
        self.undo.append(Snapshot(self.segmentation.objects, dict(self.points), self.chosen))
        self._take([])
        self.points, self.chosen = {}, None
        self.version += 1

    def _take(self, objects: list[SegmentedObject]) -> None:
        result = self.segmentation.result.model_copy(update={"objects": objects})
        self.segmentation = Segmentation(result, self.photo.data, file_name=self.photo.name)

    def undo_last(self) -> bool:
        """Go back by one correction; False when there is none."""
        if not self.undo:
            return False
        before = self.undo.pop()
        old = {each.id: each for each in before.objects}
        self.behind |= {
            each.id for each in self.segmentation.objects if old.get(each.id, each) != each
        }
        self._take(before.objects)
        self.points, self.chosen = before.points, before.chosen
        self.version += 1
        return True

    def box_to_send(self, object_id: int | None) -> BoxXYXY | None:
        """Return the box that tells the server where an object is that it holds otherwise."""
        if object_id is None or object_id not in self.behind:
            return None
        return next(each.box for each in self.segmentation.objects if each.id == object_id)


@dataclass
class History:
    """The results of this session, oldest first, and the one that is open."""

    entries: list[Entry] = field(default_factory=list)
    open_key: int | None = None

    def add(self, entries: list[Entry]) -> None:
        """Put new results at the end and open the first of them."""
        self.entries += entries
        if entries:
            self.open_key = entries[0].key

    @property
    def opened(self) -> Entry | None:
        """The result that is open."""
        return next((each for each in self.entries if each.key == self.open_key), None)

    def batch_of(self, entry: Entry) -> list[Entry]:
        """Return the results that were asked for together with this one."""
        return [each for each in self.entries if each.batch == entry.batch]
