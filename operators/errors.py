"""Every error the project raises on purpose.

    BeholdenError
      FrameRefused            one frame cannot be processed; it is dead-lettered with a reason, nothing else stops
      ModelsFail              the models fail on whatever they are given; no frame is to blame
      ModelRefused            a model file or graph that must not be run
      DeviceUnavailable       the device asked for is not the one that would run
      SettingsRefused         a policy or cluster file that must not come into force
        ReleaseRefused        a release of a policy, or an order to stop or resume, that must not be followed
      EnrolmentRefused        a person or an image that cannot become a watchlist entry
      PolicyUnknown           it is not certain which policy is in force, or whether somebody has said stop
      IndexIncomplete         a search could not cover the whole watchlist
      BrokerUnavailable       Kafka does not answer
        TopicMissing          it answers, and has no such topic
      SlotTaken               another process has taken this recogniser's place
      SourceUnavailable       a camera, video or folder that gives no pictures
      DeploymentFailed        Ray or the local broker could not be brought up
        RayUnreachable        no Ray answers where there is to be one

`retriable` says whether the same call may succeed later without anyone changing anything. Every constructor argument
reaches the base class, so that an error keeps its type when it crosses a process boundary.
"""

from enum import StrEnum


class BeholdenError(Exception):
    """Root of every error raised on purpose."""

    retriable = False


class FrameReason(StrEnum):
    """Why a frame cannot be processed: the closed vocabulary of dead letters."""

    EMPTY = "empty"
    NOT_JPEG = "not_jpeg"
    TRUNCATED = "truncated"
    HEADER_INVALID = "header_invalid"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    TOO_MANY_SCANS = "too_many_scans"
    UNSUPPORTED_JPEG = "unsupported_jpeg"
    DECODE_FAILED = "decode_failed"
    NO_CAMERA = "no_camera"
    CAMERA_ID_INVALID = "camera_id_invalid"
    UNKNOWN_CAMERA = "unknown_camera"
    METADATA_INVALID = "metadata_invalid"
    TOO_MANY_FACES = "too_many_faces"
    MODEL_FAILED = "model_failed"  # on this frame, and not on a plain picture
    QUARANTINED = "quarantined"  # it was in hand when a recogniser ended, twice


class FrameRefused(BeholdenError):
    """One frame cannot be processed.

    Args:
        reason: Member of the closed vocabulary.
        detail: What was expected and what was found; never image content.
    """

    def __init__(self, reason: FrameReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class ModelsFail(BeholdenError):
    """The models fail on whatever they are given; no frame is to blame."""

    retriable = True


class ModelRefused(BeholdenError):
    """A model file or graph that must not be run: wrong digest, git-lfs pointer, wrong shapes."""


class DeviceUnavailable(BeholdenError):
    """The device asked for is not the one that would run."""


class SettingsRefused(BeholdenError):
    """A policy or cluster file that must not come into force."""


class ReleaseReason(StrEnum):
    """Why a release of a policy, or an order to stop or resume, is not followed."""

    MALFORMED = "malformed"  # not the one form, whole and undamaged
    POLICY_INVALID = "policy_invalid"  # such as a threshold below its floor
    WRONG_DIGEST = "wrong_digest"  # it holds another document than it names
    DEPLOYMENT = "deployment"
    REPLAYED = "replayed"  # it has been in force, or is older than what is
    NUMBER_REUSED = "number_reused"  # the number is that of another document
    NOT_THE_SUCCESSOR = "not_the_successor"  # it was proposed to follow another one than it would follow
    CLOCK = "clock"  # proposed in the future
    NOT_YET_EFFECTIVE = "not_yet_effective"
    EXPIRED = "expired"
    UNSIGNED = "unsigned"
    UNKNOWN_SIGNER = "unknown_signer"
    SIGNER_LEFT = "signer_left"  # their signatures counted until a moment that was over
    WRONG_ROLE = "wrong_role"
    SAME_PERSON = "same_person"
    BAD_SIGNATURE = "bad_signature"
    NOT_APPROVED = "not_approved"  # one person has signed where it takes two
    NO_REASON = "no_reason"
    NO_EVIDENCE = "no_evidence"
    NO_EXPIRY = "no_expiry"
    NEEDLESS_EXPIRY = "needless_expiry"
    LOOSENS_OTHERWISE = "loosens_otherwise"  # it loosens something else than it says
    NOT_STOPPED = "not_stopped"
    OTHER_STOP = "other_stop"  # it ends another stop than the one in force


class ReleaseRefused(SettingsRefused):
    """A release of a policy, or an order to stop or resume, that must not be followed.

    Args:
        reason: Member of the closed vocabulary.
        detail: What was expected and what was found.
    """

    def __init__(self, reason: ReleaseReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class EnrolmentReason(StrEnum):
    """Why an image or an entry was not enrolled."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    OUTSIDE = "outside"
    BLURRED = "blurred"
    POSE = "pose"
    LOW_CONFIDENCE = "low_confidence"
    NOT_AN_IMAGE = "not_an_image"
    EXPIRED = "expired"
    TOO_DISTANT = "too_distant"
    CAPTURED_LATER = "captured_later"
    UNKNOWN_LIST = "unknown_list"
    UNKNOWN_CATEGORY = "unknown_category"
    INCOMPLETE = "incomplete"
    LIST_FULL = "list_full"
    MINOR = "minor"
    FOREIGN_CONTRACT = "foreign_contract"
    CONTRADICTORY = "contradictory"
    UNUSABLE = "unusable"


class EnrolmentRefused(BeholdenError):
    """A person or an image that cannot become a watchlist entry.

    Args:
        reason: Member of the closed vocabulary.
        detail: What was expected and what was found.
    """

    def __init__(self, reason: EnrolmentReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class PolicyUnknown(BeholdenError):
    """It is not certain which policy is in force, or whether somebody has said stop; nothing goes on without."""

    retriable = True


class IndexIncomplete(BeholdenError):
    """A search could not cover the whole watchlist, so there is no answer at all."""

    retriable = True


class BrokerUnavailable(BeholdenError):
    """Kafka does not answer."""

    retriable = True


class TopicMissing(BrokerUnavailable):
    """Kafka answers, and has no such topic: nothing was ever written to it."""


class SlotTaken(BeholdenError):
    """Another process has taken this recogniser's place; this one must not write any more."""


class SourceUnavailable(BeholdenError):
    """A camera, video or folder that gives no pictures."""

    retriable = True


class DeploymentFailed(BeholdenError):
    """Ray or the local broker could not be brought up or found."""


class ClusterSilent(DeploymentFailed):
    """An actor does not answer; one that is being started anew will."""

    retriable = True


class RayUnreachable(DeploymentFailed):
    """No Ray answers where the cluster file says that there is one, or none of its nodes is on this machine."""

    retriable = True
