import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training.assignment import Truth, cells_of  # noqa: E402
from loadtests.training.losses import CosineMargin, TraitRegression, box_loss, decode_boxes, detector_loss  # noqa: E402
from loadtests.training.networks import DetectionNetwork  # noqa: E402
from operators.yunet import read_yunet  # noqa: E402


def test_boxes_are_decoded_as_the_operator_decodes_them() -> None:
    """The rule of training is the rule of reading, or every box would be off by half a cell."""
    outputs = {name: value.clone() for name, value in _answers(64, 64).items()}
    row = 13
    outputs["cls_8"][0, row] = outputs["obj_8"][0, row] = 1.0
    own = [value[0].numpy() for value in outputs.values()]
    faces = read_yunet(list(outputs), own, 64, 0.9)
    cells = cells_of(64, 64, torch.device("cpu"))
    found = decode_boxes(outputs["bbox_8"][0, row, None], cells.corners[row, None], cells.strides[row, None, None])
    torch.testing.assert_close(found, torch.from_numpy(faces.boxes), atol=1e-4, rtol=0)


def test_a_box_on_the_truth_costs_nothing() -> None:
    """Equal boxes overlap wholly; boxes apart overlap not at all and cost more the farther apart they are."""
    true = torch.tensor([[10.0, 10, 30, 40]] * 3)
    found = true + torch.tensor([[0.0], [40.0], [90.0]])
    overlap, loss = box_loss(found, true)
    assert overlap.tolist() == pytest.approx([1, 0, 0], abs=1e-4)
    assert loss[0] == pytest.approx(0, abs=1e-4)
    assert loss[0] < loss[1] < loss[2]


def test_perfect_answers_cost_next_to_nothing() -> None:
    """Answers worked out from the truth by hand leave a loss near zero; one landmark off by 4 px raises it."""
    box, points = torch.tensor([22.0, 22, 42, 42]), torch.rand(5, 2) * 20 + 22
    truth = Truth(box[None, None], points[None, None], torch.ones(1, 1, dtype=torch.bool))
    cells = cells_of(64, 64, torch.device("cpu"))
    outputs = _perfect(box, points)
    assert float(detector_loss(outputs, truth, cells).total) < 1e-3
    outputs["kps_8"][..., 0] += 0.5
    assert float(detector_loss(outputs, truth, cells).landmarks) > 0.01


def test_a_picture_without_faces_has_a_loss() -> None:
    """Empty pictures teach what no face looks like, and give no NaN."""
    truth = Truth(torch.zeros(1, 1, 4), torch.zeros(1, 1, 5, 2), torch.zeros(1, 1, dtype=torch.bool))
    loss = detector_loss(_answers(64, 64), truth, cells_of(64, 64, torch.device("cpu")))
    assert torch.isfinite(loss.total)
    assert loss.face > 0
    assert loss.box == loss.landmarks == 0


def test_the_margin_makes_the_same_embeddings_cost_more() -> None:
    """With a margin, lying on the right side of the border is not enough."""
    torch.manual_seed(0)
    loss_of = CosineMargin(8, 4, 16.0)
    embeddings = loss_of.directions.detach().clone() * 3
    people = torch.arange(4)
    plain, strict = (float(loss_of(embeddings, people, margin).detach()) for margin in (0.0, 0.5))
    assert plain < strict


def test_traits_are_read_off_an_embedding() -> None:
    """An embedding that holds a trait in a straight line costs nothing, one that says nothing costs one."""
    traits = torch.tensor([[-1.0], [1.0]])
    loss_of = TraitRegression(2, traits)
    with torch.no_grad():
        loss_of.read.weight[:] = torch.tensor([[2**-0.5, 0.0]])
        loss_of.read.bias.zero_()
    people = torch.tensor([0, 1])
    holds, silent = torch.tensor([[-5.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float(loss_of(holds, people).detach()) == pytest.approx(0, abs=1e-6)
    assert float(loss_of(silent, people).detach()) == pytest.approx(1)


def _answers(height: int, width: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        outputs: dict[str, torch.Tensor] = DetectionNetwork().eval()(torch.zeros(1, 3, height, width))
    return outputs


def _perfect(box: torch.Tensor, points: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a detector of 64x64 px should answer, sure of the box in every cell of 8 px it covers with its middle."""
    outputs = {name: torch.full_like(value, -20.0) for name, value in _answers(64, 64).items()}
    corners = cells_of(64, 64, torch.device("cpu")).corners[:64]
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    outputs["bbox_8"] = torch.cat([centre / 8 - corners, (size / 8).log().expand(64, 2)], 1)[None]
    outputs["kps_8"] = (points[None] / 8 - corners[:, None]).reshape(1, 64, 10)
    centres = (corners + 0.5) * 8
    inside = ((centres - centre).abs() < 0.25 * size).all(1)
    for kind in ("cls", "obj"):
        outputs[f"{kind}_8"] = torch.where(inside, 20.0, -20.0)[None, :, None]
    return outputs
