"""Gathers what an alert can be decided again from: topics, keys and model files, as they are now."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cluster.clocks import SystemClock
from cluster.kafka.topics import ALERTS, EVIDENCE, LEDGER
from cluster.keys import EvidenceKey, read_evidence_key
from cluster.ledger.settings_history import SettingsHistory
from cluster.policies.book import PolicyBook
from cluster.policies.desk import read_book
from cluster.policies.in_force import PolicyInForce, find_manifest, policy_of
from cluster.ports import Record
from cluster.privacy.explain import AlertUnreadable, Records
from cluster.privacy.explain_settings import Settings
from cluster.settings import ClusterSettings
from cluster.watchlists.register import read_register, read_topic
from cluster.wire.ledger import LedgerInvalid, parse_record
from operators.align import TEMPLATE_NAME
from operators.embed import Embedder, open_embedder
from operators.errors import ModelRefused, SettingsRefused
from operators.models import EmbeddingContract, ModelManifest, read_model
from operators.policy import Policy
from operators.retention import lasts_ms


def gather(settings: ClusterSettings, alert_id: str) -> tuple[bytes, Records]:
    """An alert as it stands in its topic, and what else is there of it.

    Raises:
        AlertUnreadable: There is no such alert, or it cannot be read.
        BrokerUnavailable: Kafka does not answer.
        DeviceUnavailable: The cluster file says `device: cuda` and there is none here.
    """
    kafka = settings.kafka
    sealed = [record.value for record in read_topic(kafka, EVIDENCE) if record.key == alert_id.encode()]
    alert = choose(alert_id, read_topic(kafka, ALERTS), sealed)
    value, (deployment, digest) = alert.value, _said(alert.value)
    known = settings_known(read_book(settings, deployment), read_topic(kafka, LEDGER))
    in_force = known.policies.get(digest)
    manifests = manifests_of(in_force.policy, settings.models.manifests) if in_force else None
    embedder = _open(settings, manifests)
    contract = EmbeddingContract.of(manifests[1], manifests[0], TEMPLATE_NAME) if manifests and embedder else None
    records = Records(
        sealed=sealed,
        key=_key(settings),
        settings=known,
        entries=read_register(kafka).entries,
        contract=contract,
        provider=embedder.provider if embedder else "",
        embed=embedder.embed if embedder else None,
        age=SystemClock().now() - datetime.fromtimestamp(alert.timestamp_ms / 1000, UTC),
        kept=kept(in_force),
    )
    return value, records


def choose(alert_id: str, alerts: Iterable[Record], sealed: Sequence[bytes]) -> Record:
    """The alert of this id whose evidence is there; the last, when no copy's is.

    Raises:
        AlertUnreadable: There is none.
    """
    copies = [record for record in alerts if record.headers.get("ce_id") == alert_id.encode()]
    if not copies:
        raise AlertUnreadable(
            f"no alert {alert_id} in topic {ALERTS}: is the id right, and has its time passed ('beholden retention "
            "check' says how long alerts are kept)?"
        )
    there = {hashlib.sha256(each).hexdigest() for each in sealed}
    return next((copy for copy in copies if _evidence_of(copy.value) in there), copies[-1])


def settings_known(book: PolicyBook, ledger: Iterable[Record]) -> Settings:
    """Every policy that was put in force, and who went by it.

    Args:
        book: What the policy topic says, judged by whose signatures count now.
        ledger: Topic `ledger`: it holds each that was applied, also by people who have left since.
    """
    history = _history(book.deployment, ledger)
    found, unread = {}, set[str]()
    for digest, applied in history.applied.items():
        try:
            found[digest] = policy_of(dict(applied.document))
        except SettingsRefused:
            unread.add(digest)
    ends = {digest: applied.expires_at for digest, applied in history.applied.items()}
    for release in book.releases.values():
        found[release.digest], ends[release.digest] = release.in_force, release.proposal.expires_at
    return Settings(found, unread, {digest: end for digest, end in ends.items() if end}, history)


def _history(deployment: str, ledger: Iterable[Record]) -> SettingsHistory:
    """What the ledger says of one deployment, as far as it can be read: 'beholden ledger verify' says how far."""
    history = SettingsHistory()
    for record in ledger:
        with suppress(LedgerInvalid):  # damaged, or of a version before
            told = parse_record(record.value)
            if told.deployment == deployment:
                history.take(told)
    return history


def kept(policy: PolicyInForce | None) -> timedelta | None:
    """How long evidence of alerts under a policy is kept at least; None when the policy is not known."""
    return timedelta(milliseconds=lasts_ms(policy.policy.retention.evidence.keep)) if policy else None


def manifests_of(policy: Policy, folder: Path) -> tuple[ModelManifest, ModelManifest] | None:
    """Detector and embedder as a policy pins them; None when one is not in `folder`, or says something else by now."""
    detector, embedder = (find_manifest(each.manifest, folder) for each in (policy.detector, policy.embedder))
    return (detector, embedder) if detector and embedder else None


def _evidence_of(value: bytes) -> str | None:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(value)["evidence"]["sha256"])
    return None


def _said(value: bytes) -> tuple[str, str]:
    """Deployment and digest of the policy of an alert."""
    try:
        alert = json.loads(value)
        return str(alert["deployment"]), str(alert["policy"]["digest"])
    except (ValueError, KeyError, TypeError):
        raise AlertUnreadable("not an alert that this version can read: it names no policy") from None


def _key(settings: ClusterSettings) -> EvidenceKey | None:
    with suppress(SettingsRefused):
        return read_evidence_key(settings.key_folder)
    return None


def _open(settings: ClusterSettings, manifests: tuple[ModelManifest, ModelManifest] | None) -> Embedder | None:
    if manifests is None:
        return None
    _, embedder = manifests
    with suppress(ModelRefused):
        model = read_model(embedder, settings.models.files)
        return open_embedder(embedder, model, settings.device, settings.recognisers.threads)
    return None
