"""The same over HTTP, while ``make up`` runs: ``python examples/over_http.py photo.jpg "the cat"``.

Another address than http://127.0.0.1:8000 goes into EDGESEG_API_URL.
"""

from __future__ import annotations

import sys

from edgeseg.client import EdgeSegClient


def main(path: str, prompt: str) -> None:
    """Queue a photo and follow its stages; segment it, and correct the first object."""
    with EdgeSegClient() as client:
        task_id = client.submit(path, prompt)
        for event in client.events(task_id):
            print(f"{event.stage or 'task'} {event.type}")
        print(f"The task is {client.task(task_id).status}.")
        segmentation = client.segment_image(path, prompt)
        print(f"{len(segmentation.objects)} found")
        if segmentation.objects:
            x0, y0, x1, y1 = segmentation.objects[0].box
            middle = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2}
            segmentation = client.refine(segmentation, object_id=0, points=[middle])
            print(f"refined: {segmentation.objects[0].area} pixels")


if __name__ == "__main__":
    main(*sys.argv[1:3])
