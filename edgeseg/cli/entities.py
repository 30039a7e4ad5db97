"""``edgeseg entities``: what a text names in several images, paired and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
from typer.core import TyperCommand

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite

_SEVERAL = ("-c", "--contextual")


class _SeveralValues(TyperCommand):
    """Takes ``--contextual a.jpg b.jpg`` for ``--contextual a.jpg --contextual b.jpg``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        return list(super().parse_args(ctx, repeated(args)))


def repeated(args: Sequence[str]) -> list[str]:
    """Return arguments with the option before each of its values."""
    made: list[str] = []
    option = ""
    for each in args:
        if each.startswith("-") and each != "-":
            option = each if each in _SEVERAL else ""
            if not option:
                made.append(each)
        elif option:
            made += [option, each]
        else:
            made.append(each)
    return made


Prompt = Annotated[str, typer.Option("-p", "--prompt", help="The text of the image.")]
Generated = Annotated[str, typer.Option("-g", "--generated", help="The generated image.")]
Contextual = Annotated[
    list[str] | None,
    typer.Option("-c", "--contextual", help="Contextual images: files, folders or globs."),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="JSON of the result.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file; flags and settings go before it.")
]
TextModel = Annotated[
    str | None, typer.Option(help="Engine or model that reads the text, such as nano.")
]
SegModel = Annotated[
    str | None,
    typer.Option(help="Engine that segments: nano, sam3, or a DETECTOR+SEGMENTER."),
]
Embedder = Annotated[str | None, typer.Option(help="Engine that embeds objects, to pair them.")]
Dtype = Annotated[
    str | None, typer.Option(help="float32, float16 or bfloat16.", show_default="auto")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda ...")]
Threshold = Annotated[float | None, typer.Option(help="Least score of a box.", show_default="0.35")]
MaskThreshold = Annotated[
    float | None,
    typer.Option(help="Least probability of a mask's pixel.", show_default="0.5"),
]
PairingThreshold = Annotated[
    float | None, typer.Option(help="Least cosine of a pair.", show_default="0.5")
]
ManyToOne = Annotated[
    bool, typer.Option("--many-to-one", help="Let several objects pair with the same one.")
]
Schema = Annotated[str, typer.Option(help="Form of the JSON: seed or full.")]
Compare = Annotated[
    bool, typer.Option("--compare", help="Add objects of the same label; implies full.")
]
Report = Annotated[
    Path | None, typer.Option(help="Page to look at, an HTML file with the images in it.")
]
Embeddings = Annotated[Path | None, typer.Option(help="JSON of all objects' embeddings.")]
SaveViz = Annotated[
    bool, typer.Option("--save-viz", help="Save the images with what was found drawn in.")
]
VizDir = Annotated[
    Path | None,
    typer.Option(help="Folder for them.", show_default="outputs/visualizations"),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print the JSON and nothing else.")]


@app.command(cls=_SeveralValues)
def entities(
    prompt: Prompt,
    generated: Generated,
    contextual: Contextual = None,
    output: Output = Path("segmentation_output.json"),
    config: Config = None,
    text_model: TextModel = None,
    seg_model: SegModel = None,
    embedder: Embedder = None,
    dtype: Dtype = None,
    device: Device = None,
    threshold: Threshold = None,
    mask_threshold: MaskThreshold = None,
    pairing_threshold: PairingThreshold = None,
    many_to_one: ManyToOne = False,
    schema: Schema = "seed",
    compare: Compare = False,
    report: Report = None,
    embeddings: Embeddings = None,
    save_viz: SaveViz = False,
    viz_dir: VizDir = None,
    quiet: Quiet = False,
    overwrite: Overwrite = False,
) -> None:
    """Find what a text names in several images, pair it, and judge the generated one.

    edgeseg entities -p "A dog on a red sofa" -c dog.jpg sofa.jpg -g made.jpg --report report.html

    An image that cannot be read has its error in the JSON, and the exit code is 1.
    """
    from edgeseg.cli.entities_choice import Flags, choose
    from edgeseg.cli.entities_config import read_config
    from edgeseg.cli.entities_run import Outputs, find_inputs, run

    if schema not in ("seed", "full"):
        raise typer.BadParameter("expected seed or full", param_hint="--schema")
    found = read_config(config)
    flags = Flags(
        text_model, seg_model, embedder, dtype, device, threshold, mask_threshold, pairing_threshold
    )
    choice = choose(flags, found)
    options: dict[str, Any] = {**choice.options, "embeddings": embeddings is not None}
    if many_to_one:
        options["pairing"] = "many_to_one"
    folder = viz_dir or Path(found.output.visualization_dir or "outputs/visualizations")
    outputs = Outputs(
        output,
        cast(Literal["seed", "full"], "full" if compare else schema),
        compare,
        report,
        embeddings,
        folder if save_viz or (found.output.save_visualizations or False) else None,
        quiet,
    )
    inputs = find_inputs(contextual or [], generated)
    outputs.check(inputs, overwrite)
    failed = run(choice, prompt, inputs, options, outputs)
    if failed:
        raise typer.Exit(1)
