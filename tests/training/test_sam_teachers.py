"""SAM and SAM-HQ of transformers as teachers: equal numbers, and their decoders' weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.model import read_checkpoint
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.errors import InvalidParameterError
from edgeseg.testing.checkpoints import sam as sam_checkpoints
from tests.training.distillation import small, write_teacher
from training.edge_sam.config import TeacherOptions
from training.edge_sam.convert import convert
from training.edge_sam.names import from_hugging_face, to_hugging_face
from training.edge_sam.prompts import Prompts, first_prompts
from training.edge_sam.student import build_student
from training.edge_sam.teacher import SamHqTeacher, SamTeacher, Teacher, load_teacher

# A vision transformer of two narrow layers with SAM's maps, of 4 x 4 cells. Its input has 1024
# pixels, so that the half pixel of points is as large as ours.
_VISION = {
    "hidden_size": 32, "output_channels": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 1024, "patch_size": 256, "window_size": 2, "global_attn_indexes": [1],
    "mlp_dim": 32, "num_pos_feats": 128,
}  # fmt: skip
CELLS = 4


def write_sam(folder: Path, hq: bool = False) -> Path:
    """Write a SAM whose decoder has the real size, with random weights."""
    transformers = import_transformers()
    prefix = "SamHQ" if hq else "Sam"
    decoder = {"vit_dim": 32} if hq else {}
    torch.manual_seed(3)
    config = getattr(transformers, f"{prefix}Config")(
        vision_config=getattr(transformers, f"{prefix}VisionConfig")(**_VISION),
        prompt_encoder_config=getattr(transformers, f"{prefix}PromptEncoderConfig")(
            image_embedding_size=CELLS
        ),
        mask_decoder_config=getattr(transformers, f"{prefix}MaskDecoderConfig")(**decoder),
    )
    model = getattr(transformers, f"{prefix}Model")(config)
    for parameter in model.mask_decoder.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SAM."""
    return write_sam(tmp_path_factory.mktemp("sam"))


def prompts(by_box: bool) -> Prompts:
    """Two prompts, with a corrective click each."""
    boxes = torch.tensor([[100.0, 200.0, 500.0, 600.0], [10.0, 30.0, 90.0, 80.0]])
    points = torch.tensor([[300.0, 300.0], [50.0, 60.0]])
    made = first_prompts(boxes, points, torch.tensor([by_box, by_box]), 1024)
    return made.with_point(torch.tensor([[310.0, 330.0], [20.0, 20.0]]), torch.tensor([1, 0]))


def theirs(teacher: Teacher, features: torch.Tensor, made: Prompts, by_box: bool) -> Any:
    """Masks and scores of transformers' own decoder."""
    arguments: dict[str, Any] = {
        "input_points": made.points_xy[:, None, 2 if by_box else 0 :],
        "input_labels": made.labels[:, None, 2 if by_box else 0 :],
    }
    if by_box:
        arguments["input_boxes"] = made.points_xy[:, None, :2].flatten(2)
    else:
        # The padding point is added there too.
        for name in ("input_points", "input_labels"):
            arguments[name] = arguments[name][:, :, [0, 2]]
    outputs = [
        teacher.model(image_embeddings=features, multimask_output=several, **arguments)
        for several in (False, True)
    ]
    return (
        torch.cat([each.pred_masks[:, 0] for each in outputs], 1),
        torch.cat([each.iou_scores[:, 0] for each in outputs], 1),
    )


@pytest.mark.parametrize("by_box", [True, False])
def test_our_decoder_with_sams_weights_gives_sams_numbers(sam_folder: Path, by_box: bool) -> None:
    teacher = load_teacher(TeacherOptions(model=str(sam_folder)))
    assert isinstance(teacher, SamTeacher)
    (features,) = teacher.encode(torch.randn(1, 3, 1024, 1024))
    assert features.shape == (1, 256, CELLS, CELLS)
    features, made = features.expand(2, -1, -1, -1), prompts(by_box)
    logits, scores = teacher.masks([features], made)
    expected = theirs(teacher, features, made, by_box)
    torch.testing.assert_close(logits, expected[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, expected[1], atol=1e-4, rtol=1e-4)
    assert logits.std() > 0.01


def test_names_of_weights_go_both_ways(sam_folder: Path) -> None:
    own = EdgeSam(0.25)
    renamed = to_hugging_face(own.state_dict())
    model = import_transformers().SamModel.from_pretrained(sam_folder)
    expected = {name for name in model.state_dict() if not name.startswith("vision_encoder.")}
    assert set(renamed) == expected
    back = from_hugging_face(renamed, list(own.state_dict()))
    kept = {name: value for name, value in own.state_dict().items() if name in back}
    assert len(back) == 17 + 120
    assert all(torch.equal(back[name], value) for name, value in kept.items())


def test_a_student_starts_with_its_teachers_decoder(
    photo_folder: Path, sam_folder: Path, tmp_path: Path
) -> None:
    teacher = load_teacher(TeacherOptions(model=str(sam_folder)))
    student = build_student(small(photo_folder, tmp_path), teacher)
    features, made = torch.randn(2, 256, CELLS, CELLS), prompts(True)
    with torch.no_grad():
        logits, _ = student.decode(features, made.points_xy, made.labels)
    torch.testing.assert_close(logits, teacher.masks([features], made)[0])
    # The encoder of one checkpoint and the decoder of SAM become one file.
    encoder = write_teacher(tmp_path / "encoder.pth")
    assert convert(encoder, tmp_path / "edge_sam.pth", decoder=str(sam_folder)) > 800
    joined = read_checkpoint(tmp_path / "edge_sam.pth")
    with torch.no_grad():
        assert torch.equal(joined.decode(features, made.points_xy, made.labels)[0], logits)
    assert torch.equal(
        joined.image_encoder.fuse_stage2.weight,
        read_checkpoint(encoder).image_encoder.fuse_stage2.weight,
    )


@pytest.mark.parametrize("by_box", [True, False])
def test_sam_hq_teaches_its_own_mask(tmp_path: Path, by_box: bool) -> None:
    teacher = load_teacher(TeacherOptions(model=str(write_sam(tmp_path / "hq", hq=True))))
    assert isinstance(teacher, SamHqTeacher)
    features = [
        each.expand(2, -1, -1, -1) for each in teacher.encode(torch.randn(1, 3, 1024, 1024))
    ]
    assert len(features) == 2
    logits, scores = teacher.masks(features, prompts(by_box))
    assert logits.shape == (2, 4, 4 * CELLS, 4 * CELLS)
    assert scores.shape == (2, 4)
    plain, _ = SamTeacher.decode(teacher, features[:1], prompts(by_box))
    assert not torch.allclose(logits[:, 0], plain[:, 0], atol=1e-3)


def test_a_decoder_of_another_shape_is_refused(tmp_path: Path) -> None:
    sam_checkpoints.write(tmp_path)
    with pytest.raises(InvalidParameterError, match="not of SAM's shape"):
        load_teacher(TeacherOptions(model=str(tmp_path)))


def test_an_engine_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, sam_folder: Path) -> None:
    monkeypatch.setenv("EDGESEG_WEIGHTS", f'{{"sam-vit-base": "{sam_folder}"}}')
    one = load_teacher(TeacherOptions(model="sam-vit-base"))
    two = load_teacher(TeacherOptions(model=str(sam_folder)))
    assert one.fingerprint() == two.fingerprint()
    with pytest.raises(InvalidParameterError, match="no SAM"):
        load_teacher(TeacherOptions(model="fake"))
