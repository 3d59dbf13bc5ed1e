"""Where the evidence of alerts goes: sealed before it leaves the process."""

import hashlib

from cluster.keys import EvidenceKey
from cluster.ports import Delivery, ResultSink
from cluster.wire.evidence import EVIDENCE_FORM, Evidence, EvidenceName, encode_evidence
from operators.types import FrameRef


class EvidenceSink:
    """The topic `evidence`, written with one key.

    Args:
        sink: The topic.
        key: What it is sealed with.
    """

    def __init__(self, sink: ResultSink, key: EvidenceKey) -> None:
        self._sink = sink
        self._key = key

    def send(self, evidence: Evidence, frame: FrameRef) -> tuple[EvidenceName, Delivery]:
        """Start to write one document, which follows from `frame`; how its alert is to name it."""
        sealed = self._key.seal(encode_evidence(evidence), evidence.alert_id)
        name = EvidenceName(hashlib.sha256(sealed).hexdigest(), self._key.id, evidence.crop_sha256)
        headers = [("form", EVIDENCE_FORM.encode()), ("key_id", name.key_id.encode())]
        return name, self._sink.send(evidence.alert_id, sealed, headers, frame)
