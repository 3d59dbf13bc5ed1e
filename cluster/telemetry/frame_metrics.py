"""What is measured of frames, faces and alerts."""

from cluster.telemetry.metric import CAMERA, MEMBER, Sections, Teller, counter, gauge, histogram

SECTIONS: Sections = {
    "Stages of a frame": (
        histogram(
            "beholden_stage_duration_seconds",
            (*MEMBER, "stage"),
            "How long a stage took, once for each frame or each batch, as the stage works.",
            "Look which stage has grown: topic and turn grow when there is too much to do, search when a shard is "
            "slow.",
        ),
        counter(
            "beholden_stage_errors_total",
            (*MEMBER, "stage"),
            "Failures of a stage, those that were tried again included.",
            "Search: see which shard is down. Decode: see the dead letters by reason. Evidence, publish: see the "
            "broker.",
        ),
        counter(
            "beholden_busy_seconds_total",
            MEMBER,
            "Time that a recogniser has worked; its rate is the part of its time that it is busy, 1 at most.",
            "Near 1 for minutes: more recognisers, fewer frames a second, or `freshness` in the policy.",
        ),
    ),
    "Frames": (
        counter(
            "beholden_frames_in_total",
            MEMBER,
            "Frames taken in, jumped over or found expired.",
            "None while cameras send: look at the lag and at the state of the members.",
        ),
        counter(
            "beholden_frames_total",
            (*MEMBER, "outcome", "reason"),
            "Frames that reached their end: alerted, no_match, shed or dead_lettered, by reason.",
            "Shed for too_old, skipped or superseded: too much to do. Dead letters: the reason says what a camera "
            "sends.",
        ),
        counter(
            "beholden_frames_given_back_total",
            MEMBER,
            "Frames that another recogniser counts again, after a rebalance or a lost broker.",
            "Many: recognisers come and go, or Kafka does; see the restarts.",
        ),
        gauge(
            "beholden_frames_waiting",
            MEMBER,
            "Frames taken in that have not reached their end.",
            "Grows: see the busy share and the lag.",
        ),
        gauge(
            "beholden_waiting_bytes",
            MEMBER,
            "JPEG bytes of frames that wait for their turn.",
            "At 32 MiB partitions are paused, and frames wait in Kafka instead.",
        ),
        gauge(
            "beholden_in_flight_frames",
            MEMBER,
            "Frames decided whose alerts or dead letters the broker has not acknowledged yet.",
            "Stays above 0 without frames: the broker does not acknowledge.",
        ),
        gauge(
            "beholden_paused_partitions",
            MEMBER,
            "Partitions of frames that are not fetched for now, since enough waits.",
            "Above 0 for long: too much to do, see the busy share.",
        ),
        gauge(
            "beholden_lag_frames",
            (*MEMBER, "partition"),
            "Frames in Kafka that nobody has fetched.",
            "Grows in all partitions: too much to do. In one: its recogniser is ill, or one camera sends too much.",
        ),
        gauge(
            "beholden_lag_seconds",
            (*MEMBER, "partition"),
            "How old the last fetched frame of a partition is while others wait behind it; 0 when none waits.",
            "Near the policy's max_frame_age_ms frames are shed as too old.",
        ),
        histogram(
            "beholden_frame_age_seconds",
            MEMBER,
            "From a frame's capture, as its camera says, until it was decided.",
            "Grown, or negative clocks at 0: compare with the stages; a camera's clock may be wrong.",
        ),
    ),
    "Cameras": (
        gauge(
            "beholden_camera_expected",
            ("camera",),
            "1 for each camera of the policy in force while it may look, 0 outside its times or while it is halted; "
            "none of a canary's, which shows frames now and then.",
            "Cameras with 1 and no frames are not watched.",
        ),
        counter(
            "beholden_camera_frames_total",
            CAMERA,
            "Frames of a camera that were looked at and decided.",
            "None of an expected camera: see its last frame; the camera, its network or its publisher is down.",
        ),
        gauge(
            "beholden_camera_last_frame_timestamp_seconds",
            CAMERA,
            "When the newest decided frame of a camera was captured, Unix time; no later than it was decided.",
            "Old: see beholden_camera_frames_total, and the camera's clock.",
        ),
        counter(
            "beholden_slow_frames_total",
            CAMERA,
            "Frames that took longer than a second to be decoded and searched for faces.",
            "Look at the camera's size and quality of image.",
        ),
    ),
    "Faces and alerts": (
        counter(
            "beholden_faces_total",
            (*MEMBER, "reason"),
            "Faces by what the gates said: compared, or why not.",
            "Few compared: cameras hang too far, too high or out of focus.",
        ),
        counter(
            "beholden_sightings_total",
            (*CAMERA, "list", "outcome"),
            "Faces that reached a threshold: alert, unconfirmed or repeated.",
            "Many unconfirmed and no alert: confirm_frames may ask for more frames than the camera shows.",
        ),
        counter(
            "beholden_alerts_total",
            (*CAMERA, "list"),
            "Alerts written, each of a passage of its own; those about a canary are not among them.",
            "Much more than usual on one camera: look at its alerts before anybody acts on them.",
        ),
        histogram(
            "beholden_alert_latency_seconds",
            MEMBER,
            "From a frame's capture until its alert could be read: acknowledged, or with delivery: exactly-once "
            "committed; with a trace id where there is one.",
            "Open the trace of a slow one: `beholden trace --slowest`. What the broker takes to acknowledge is the "
            "stage publish.",
        ),
        counter(
            "beholden_alerts_late_total",
            MEMBER,
            "Alerts among these that took longer than telemetry.objective_ms before they could be read.",
            "See beholden_stage_duration_seconds.",
        ),
        gauge(
            "beholden_alert_objective_seconds",
            (),
            "telemetry.objective_ms of the cluster file.",
            "Nothing: it is what alerts are held against.",
        ),
    ),
    "Canary": (
        counter(
            "beholden_canary_sent_total",
            ("camera", "list"),
            "Passages of the canary that were published and are over, alerted or not.",
            "None: `beholden canary` does not run, or cannot write.",
            teller=Teller.CANARY,
        ),
        counter(
            "beholden_canary_alerted_total",
            ("camera", "list"),
            "Passages of the canary that led to an alert in time.",
            "Fewer than were sent: people on the lists are being missed; see the runbook.",
            teller=Teller.CANARY,
        ),
        counter(
            "beholden_canary_late_total",
            ("camera", "list"),
            "Passages of the canary that led to an alert, and too late.",
            "See the stages.",
            teller=Teller.CANARY,
        ),
        gauge(
            "beholden_canary_last_alert_timestamp_seconds",
            ("camera", "list"),
            "When the last alert about the canary came, Unix time; 0 before the first.",
            "Old: as above.",
            teller=Teller.CANARY,
        ),
        gauge(
            "beholden_canary_due_timestamp_seconds",
            ("camera", "list"),
            "When the canary's next passage is to be over, Unix time; while nothing may be looked at, when it asks "
            "again.",
            "In the past: `beholden canary` hangs or has ended.",
            teller=Teller.CANARY,
        ),
        histogram(
            "beholden_canary_latency_seconds",
            ("camera", "list"),
            "From the first frame of a passage of the canary until its alert could be read.",
            "See the stages.",
            teller=Teller.CANARY,
        ),
    ),
}
