"""Many photos with little memory: each engine is loaded once, and one at a time.

``python examples/many_photos.py "person . cup ." one.jpg two.jpg ...``
"""

from __future__ import annotations

import sys

from edgeseg import EdgeSegAI, EdgeSegError


def main(prompt: str, *paths: str) -> None:
    """Print one line per photo; those that cannot be read say why."""
    results = EdgeSegAI(ttl=0).segment_images(
        paths,
        prompt,
        progress=lambda stage, done, total: print(f"{stage}: {done} of {total}", file=sys.stderr),
        return_errors=True,
    )
    for path, row in zip(paths, results, strict=True):
        if isinstance(row, EdgeSegError):
            print(f"{path}: {row.detail}")
        else:
            print(f"{path}: {', '.join(obj.label for obj in row.objects) or 'nothing'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
