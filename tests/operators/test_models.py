import dataclasses
from pathlib import Path
from typing import Any

import pytest

from operators.errors import ModelRefused
from operators.models import Adapter, EmbeddingContract, ModelManifest, check_model, read_model

MODEL = b"the weights"


@pytest.fixture
def manifest(describe: Any) -> ModelManifest:
    """Pins MODEL."""
    built: ModelManifest = describe(MODEL, Adapter.EMBEDDER112, source="https://example.org/drawn.onnx")
    return built


def test_reads_exactly_what_is_pinned(manifest: ModelManifest, tmp_path: Path) -> None:
    """The right file is given back byte for byte."""
    (tmp_path / "drawn.onnx").write_bytes(MODEL)
    assert read_model(manifest, tmp_path) == MODEL


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (None, ["cannot read", "No such file", "https://example.org/drawn.onnx"]),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", ["git-lfs pointer", "git lfs pull"]),
        (b"other weight", ["expected 11 bytes, found 12"]),
        (b"THE weights", ["expected sha256 ", ", found ", "fetch drawn.onnx again"]),
    ],
)
def test_refuses_any_other_file(
    manifest: ModelManifest, tmp_path: Path, content: bytes | None, texts: list[str]
) -> None:
    """A missing file, a pointer and other bytes are refused, each saying what to do."""
    if content is not None:
        (tmp_path / "drawn.onnx").write_bytes(content)
    with pytest.raises(ModelRefused) as refused:
        read_model(manifest, tmp_path)
    assert all(text in str(refused.value) for text in texts)


def test_a_missing_file_without_public_source_says_so(manifest: ModelManifest, tmp_path: Path) -> None:
    """Where no address is known, none is invented."""
    with pytest.raises(ModelRefused, match="names no public source"):
        read_model(dataclasses.replace(manifest, source=None), tmp_path)


def test_both_digests_are_given(manifest: ModelManifest) -> None:
    """A refusal names the digest expected and the digest found."""
    with pytest.raises(ModelRefused, match=f"expected sha256 {manifest.sha256}, found [0-9a-f]{{64}};"):
        check_model(manifest, b"THE weights")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("file", "../other.onnx"),
        ("file", ".."),
        ("file", ""),
        ("size_bytes", 0),
        ("sha256", "abc"),
        ("sha256", "A" * 64),
        ("licence", " "),
        ("training_data", ""),
        ("evaluation", ""),
        ("evaluation", "None"),
        ("evaluation", "A" * 64),
        ("colour", "grey"),
        ("mean", (0.0, float("nan"), 0.0)),
        ("mean", (0.0, 0.0)),
        ("scale", (1.0, 0.0, 1.0)),
        ("scale", (1.0, float("inf"), 1.0)),
        ("dimension", None),
        ("dimension", 0),
        ("template", None),
        ("template", ""),
    ],
)
def test_a_wrong_manifest_names_the_field(manifest: ModelManifest, field: str, value: Any) -> None:
    """Every field that could feed a network wrongly, or hide where it comes from, is checked."""
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(manifest, **{field: value})


def test_a_detector_has_no_dimension(describe: Any) -> None:
    """A dimension on a detector is a mistake, not ignored."""
    assert describe(MODEL, Adapter.YUNET).dimension is None
    with pytest.raises(ValueError, match="dimension"):
        describe(MODEL, Adapter.YUNET, dimension=128)
    with pytest.raises(ValueError, match="template: a detector has none"):
        describe(MODEL, Adapter.YUNET, template="five-point")


CONTRACT = EmbeddingContract("a" * 64, "b" * 64, "five", "rgb", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), 128)


def test_the_contract_digest_is_stable() -> None:
    """The digest is fixed by its documented text, whatever platform or number type computed it."""
    assert CONTRACT.digest == "fcf509b8a8bcb934ccc288dbd969df2c4006c6259e9d3c9f7c53c643fef3fee6"
    assert dataclasses.replace(CONTRACT, mean=(1, 2, 3)).digest == CONTRACT.digest


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "c" * 64},
        {"detector_sha256": "c" * 64},
        {"template": "six"},
        {"colour": "bgr"},
        {"mean": (1.0, 2.0, 3.5)},
        {"scale": (0.1, 0.2, 0.30000001)},
        {"dimension": 127},
    ],
)
def test_any_difference_changes_the_contract(change: dict[str, Any]) -> None:
    """Two embeddings made differently never share a digest."""
    assert dataclasses.replace(CONTRACT, **change).digest != CONTRACT.digest


def test_the_contract_comes_from_both_manifests(describe: Any) -> None:
    """The detector's digest and the embedder's pre-processing are part of what an embedding means."""
    embedder = describe(MODEL, Adapter.EMBEDDER112, colour="rgb", mean=(1.0, 2.0, 3.0))
    detector = describe(b"detector", Adapter.YUNET)
    contract = EmbeddingContract.of(embedder, detector, "five")
    assert (contract.model_sha256, contract.detector_sha256) == (embedder.sha256, detector.sha256)
    assert (contract.colour, contract.mean, contract.dimension) == ("rgb", (1.0, 2.0, 3.0), 16)
