"""HTTP client: EdgeSegAI's signature and results, with the work done by a stack elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Literal, TypeVar, Unpack, overload

import httpx

from edgeseg.codecs import ImageSource, file_bytes
from edgeseg.entity_result import EntitySegmentation, entity_sources, names_of
from edgeseg.errors import (
    CancelledError,
    EdgeSegError,
    InputError,
    InvalidParameterError,
    UnavailableError,
)
from edgeseg.exporters import Export, export
from edgeseg.http_connection import Connection
from edgeseg.http_forms import (
    entity_files,
    error_of,
    events_of,
    export_of,
    form_of,
    names_to_send,
)
from edgeseg.result import Segmentation, image_results_of
from edgeseg.schemas import (
    VISUALIZATION_FIELDS,
    ClassOptions,
    DetectionResult,
    EngineInfo,
    EntitiesResult,
    EntityOptions,
    MaskOptions,
    PackInfo,
    RefineRequest,
    RefineResult,
    SegmentationResult,
    SegmentOptions,
    Simplification,
    StageEvent,
    TaskStatus,
    Visualization,
    parse,
)
from edgeseg.types import ImageProgress, ImageStep, Progress

ResultT = TypeVar("ResultT", SegmentationResult, EntitiesResult)
PARALLEL = 8
_EVENTS_SILENCE_S = 30.0
_ASYNC = {"Prefer": "respond-async"}


class EdgeSegClient(Connection):
    """Talks to a backend; errors come back as the classes of `edgeseg.errors`.

    ``transport`` is any httpx transport, for tests. Safe to use from several threads.
    """

    def simplify(self, prompt: str, engines: Mapping[str, str] | None = None) -> Simplification:
        """Return the phrases and filters that a prompt stands for; ``engines`` are by role."""
        data = {"text_prompt": prompt, "engines": json.dumps(dict(engines or {}))}
        response = self.send("POST", "/simplify", data=data)
        return Simplification.model_validate_json(response.content)

    def segment_image(
        self,
        image_path: ImageSource | None = None,
        prompt: str = "",
        *,
        image: ImageSource | None = None,
        visualization: Visualization | bool = False,
        file_name: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[SegmentOptions],
    ) -> Segmentation:
        """Segment what the prompt names in one image, as EdgeSegAI does.

        ``visualization`` asks for an overlay too: "jpeg" or True, or "png"; `Segmentation.overlay`
        draws one from any result. ``file_name`` is what exports name the image by, where it is not
        that of the path.
        """
        source = image_path if image_path is not None else image
        name = file_name or names_to_send([source])[0]
        fields = {"text_prompt": prompt, "idempotency_key": idempotency_key, **options}
        return self._segmented("/segment", source, name, visualization, fields)

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[False] = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation]: ...

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[True],
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation | EdgeSegError]: ...

    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: bool = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation] | list[Segmentation | EdgeSegError]:
        """Segment many images, several at a time; ``prompt`` is one for all or one for each.

        ``progress`` is called with "segment", how many images are done and how many there are.
        With ``return_errors`` an image that fails leaves its error in its place.
        """
        prompts = [prompt] * len(images) if isinstance(prompt, str) else list(prompt)
        if len(prompts) != len(images):
            raise ValueError(f"prompt: expected {len(images)} prompts, got {len(prompts)}")

        def one(source: ImageSource, text: str, name: str | None) -> Segmentation | EdgeSegError:
            try:
                return self.segment_image(source, text, file_name=name, **options)
            except EdgeSegError as error:
                if not return_errors:
                    raise
                return error

        with ThreadPoolExecutor(PARALLEL) as pool:
            rows = zip(images, prompts, names_to_send(images), strict=True)
            jobs = [pool.submit(one, *row) for row in rows]
            for done, _ in enumerate(as_completed(jobs), 1):
                if progress is not None:
                    progress("segment", done, len(jobs))
            return [job.result() for job in jobs]

    def detect(
        self, image: ImageSource, prompt: str, **options: Unpack[SegmentOptions]
    ) -> DetectionResult:
        """Return the boxes of what the prompt names in one image, without masks."""
        response = self.post_image("/detect", file_bytes(image), {"text_prompt": prompt, **options})
        return DetectionResult.model_validate_json(response.content)

    def segment_everything(
        self,
        image: ImageSource,
        *,
        progress: Progress | None = None,
        **options: Unpack[MaskOptions],
    ) -> Segmentation:
        """Find masks of everything in an image, without words, by clicks on a grid.

        As in EdgeSegAI; ``progress`` follows the events of the task.
        """
        data, name = file_bytes(image), names_to_send([image])[0]
        task_id = self.submit_everything(data, file_name=name, **options)
        for event in self.events(task_id):
            if event.type == "progress" and progress is not None:
                progress(str(event.stage), event.data["done"], event.data["total"])
        return Segmentation(self._finished(task_id, SegmentationResult), data, file_name=name)

    def submit_everything(self, image: ImageSource, **parameters: Any) -> str:
        """Queue a request for masks of everything and return the task's id at once."""
        return self._submit_image("/masks", image, parameters)

    def segment_classes(
        self,
        image: ImageSource,
        *,
        visualization: Visualization | bool = False,
        **options: Unpack[ClassOptions],
    ) -> Segmentation:
        """Find classes of a pack in an image, as EdgeSegAI does; the deadline begins there."""
        name = names_to_send([image])[0]
        return self._segmented("/classes", image, name, visualization, options)

    def submit_classes(self, image: ImageSource, **parameters: Any) -> str:
        """Queue a request for classes of a pack and return the task's id at once."""
        return self._submit_image("/classes", image, parameters)

    def class_packs(self) -> list[PackInfo]:
        """List the packs of classes that can be asked for."""
        rows = self.send("GET", "/classes").json()
        return [PackInfo.model_validate(row) for row in rows]

    def segment_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        *,
        progress: ImageProgress | None = None,
        **options: Unpack[EntityOptions],
    ) -> EntitySegmentation:
        """Find what a prompt names in several images, pair it, and judge the generated one.

        As in EdgeSegAI; ``progress`` follows the events of the task.
        """
        sources = entity_sources(contextual, generated)
        task_id, problems = self._submit_entities(prompt, sources, options)
        for event in self.events(task_id):
            if event.type == "progress" and progress is not None:
                progress(ImageStep(stage=str(event.stage), **event.data))
        result = self._finished(task_id, EntitiesResult).with_file_names(names_of(sources))
        # The server knows only that it got no image, and not why.
        for position, error in problems.items():
            result = result.with_error(position, error.to_problem(""))
        return EntitySegmentation(result, sources)

    def submit_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        **parameters: Any,
    ) -> str:
        """Queue a request for entities and return the task's id at once."""
        return self._submit_entities(prompt, entity_sources(contextual, generated), parameters)[0]

    def _submit_entities(
        self, prompt: str, sources: Sequence[ImageSource], parameters: Mapping[str, Any]
    ) -> tuple[str, dict[int, InputError]]:
        """Return the task's id, and why an image could not be read here, by its position."""
        files, problems = entity_files(sources)
        form = form_of({"text_prompt": prompt, **parameters})
        response = self.send("POST", "/entities", files=files, data=form, headers=_ASYNC)
        return str(response.json()["task_id"]), problems

    def _finished(self, task_id: str, kind: type[ResultT]) -> ResultT:
        """Return the result of a task that has ended; raises what it failed with."""
        status = self.task(task_id)
        if status.error is not None:
            raise EdgeSegError.from_dict(status.error)
        if not isinstance(status.result, kind):
            raise CancelledError("The task was cancelled.", task_id=task_id)
        return status.result

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **parameters: Any
    ) -> Segmentation:
        """Correct one object, or add one, by points or a box; the image is not sent again.

        Takes a RefineRequest or its fields, and returns a new result.
        """
        refinement = request or parse(RefineRequest, parameters)
        task_id = segmentation.result.task_id
        response = self.send("POST", f"/tasks/{task_id}/refine", json=refinement.model_dump())
        refined = RefineResult.model_validate_json(response.content).object
        changed = segmentation.result.with_object(refined)
        return Segmentation(changed, segmentation.image, file_name=segmentation.file_name)

    def submit(self, image: ImageSource, prompt: str, **parameters: Any) -> str:
        """Queue an image for segmentation and return the task's id at once."""
        return self._submit_image("/segment", image, {"text_prompt": prompt, **parameters})

    def task(self, task_id: str) -> TaskStatus:
        """Return where a task stands, with its result once it is done."""
        return TaskStatus.model_validate_json(self.send("GET", f"/tasks/{task_id}").content)

    def task_image(self, task_id: str, index: int = 0) -> bytes:
        """Return an image of a task as it was sent, while the task lives.

        Raises UnknownTaskError when it is gone; ``index`` chooses among several.
        """
        return self.send("GET", f"/tasks/{task_id}/image", params={"index": index}).content

    def cancel(self, task_id: str) -> TaskStatus:
        """Cancel a task; one that has ended stays as it is."""
        return TaskStatus.model_validate_json(self.send("DELETE", f"/tasks/{task_id}").content)

    def events(self, task_id: str, after: str | None = None) -> Iterator[StageEvent]:
        """Yield the events of a task, after the event with this id, until the task ends.

        Raises UnavailableError when the connection breaks; go on with ``after`` the last id.
        """
        headers = {"Last-Event-ID": after} if after else {}
        try:
            with self._http.stream(
                "GET", f"/tasks/{task_id}/events", headers=headers, timeout=_EVENTS_SILENCE_S
            ) as response:
                if response.is_error:
                    response.read()
                    raise error_of(response)
                yield from events_of(response)
        except httpx.TransportError as error:
            raise UnavailableError(f"The connection to the API broke: {error}.") from error

    def export(
        self,
        task: str | Segmentation | Sequence[str] | Sequence[Segmentation],
        format_name: str,
        *,
        file_name: str | Sequence[str] | None = None,
        with_images: bool = False,
        image_prefix: str = "",
    ) -> Export:
        """Return the masks of a finished task, or of several as one data set, as a file.

        Takes ids of tasks, or results, which are exported as they are here. ``file_name`` names the
        image, or the images one by one, in place of their own names; ``with_images`` puts them
        into the file, and ``image_prefix`` goes before their paths in formats that hold addresses.
        Results with images are exported in this process, which has the images.
        """
        several = [task] if isinstance(task, str | Segmentation) else list(task)
        here = [each for each in several if isinstance(each, Segmentation)]
        if here:
            if len(here) < len(several):
                raise InvalidParameterError("task: expected ids or results, got both.")
            image_results = image_results_of(here, file_name)
            if with_images or image_prefix:
                return export(
                    image_results, format_name, with_images=with_images, image_prefix=image_prefix
                )
            names = [each.file_name or "" for each in image_results]
            return self.export_results([each.result for each in image_results], format_name, names)
        parameters: dict[str, Any] = {"format": format_name}
        if isinstance(task, str):
            path = f"/tasks/{task}/export"
        else:
            path, parameters["task"] = "/export", several
        if file_name is not None:
            parameters["file_name"] = file_name
        parameters |= {"with_images": True} if with_images else {}
        parameters |= {"image_prefix": image_prefix} if image_prefix else {}
        return export_of(self.send("GET", path, params=parameters))

    def export_results(
        self,
        results: Sequence[SegmentationResult],
        format_name: str,
        file_names: Sequence[str] | None = None,
    ) -> Export:
        """Return results as a file, as they are here: with objects left out, renamed or changed."""
        files = [
            ("result", (f"{each.task_id}.json", each.model_dump_json(exclude=VISUALIZATION_FIELDS)))
            for each in results
        ]
        data: dict[str, Any] = {"format": format_name, "file_name": list(file_names or [])}
        return export_of(self.send("POST", "/export", files=files, data=data))

    def engines(self) -> list[EngineInfo]:
        """List the engines that can be chosen."""
        return [EngineInfo.model_validate(row) for row in self.send("GET", "/engines").json()]

    def health(self) -> dict[str, Any]:
        """Return live workers by queue; raises UnavailableError while a request would fail."""
        return dict(self.send("GET", "/health").json())

    def queue_status(self) -> dict[str, Any]:
        """Return queues by name: lengths and workers."""
        return dict(self.send("GET", "/queue-status").json()["queues"])

    def _segmented(
        self,
        path: str,
        image: ImageSource | None,
        file_name: str | None,
        visualization: Visualization | bool,
        fields: Mapping[str, Any],
    ) -> Segmentation:
        data = file_bytes(image)
        sent = {**fields, "visualization": visualization, "file_name": file_name}
        response = self.post_image(path, data, sent)
        result = SegmentationResult.model_validate_json(response.content)
        return Segmentation(result, data, file_name=file_name)

    def _submit_image(self, path: str, image: ImageSource, parameters: Mapping[str, Any]) -> str:
        fields = {"visualization": False, "file_name": names_to_send([image])[0], **parameters}
        response = self.post_image(path, file_bytes(image), fields, _ASYNC)
        return str(response.json()["task_id"])
