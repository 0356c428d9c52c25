"""Every bound of the engine, with its unit and its reason.

One frozen object is built from the settings and handed down. A name carries its unit last. At a
limit the answer is a named error with a hint when to come back, never a longer queue.
"""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds, all positive. Settings may change each of them."""

    # --- actors
    mailbox_commands_max: int = 256
    """Commands waiting at one actor; a caller further back is better told to come back."""
    commands_per_commit_max: int = 64
    """Commands that a hot actor takes into one commit: bounds what a failed commit repeats."""
    awake_actors_max: int = 8_000
    """Actors awake at once; the least recently used sleeps first: memory stays small."""
    awake_actors_hard_max: int = 32_000
    """Actors awake although all are working; beyond it an ask is refused as overloaded."""
    crowd_look_max: int = 256
    """Actors looked at to make room for one more: waking stays cheap when everybody is busy."""
    idle_seconds_max: float = 30.0
    """An actor without work for this long is put to sleep."""
    ask_seconds_max: float = 5.0
    """Longer than any honest commit; the command may still be carried out afterwards."""
    sweep_seconds: float = 0.25
    """How often the directory looks for idle actors and for callers who waited too long."""
    decide_again_max: int = 5
    """Decisions made again because somebody else committed first, before `Busy`."""
    actors_per_entry_max: int = 8
    """Actors that one joint step may write."""
    yields_max: int = 4_096
    """Events, effects and appends of one command; a rule that yields more should sweep."""
    needs_max: int = 64
    """Addresses and documents that one decision may look at."""
    sightings_max: int = 1_000
    """Actors that decisions need, remembered for as long as nothing is told of them."""

    # --- store
    batch_entries_max: int = 512
    """Entries in one commit of the writer."""
    batch_milliseconds_max: float = 5.0
    """Work the writer takes into one commit, so that nobody waits long for others."""
    store_queue_entries_max: int = 20_000
    """Entries waiting for the writer, over all actors."""
    facts_page_max: int = 500
    """Facts in one page of an actor's history."""
    actors_page_max: int = 500
    """Actors in one page of a list."""
    retention_chunk_facts: int = 1_000
    """Facts that one retention cut deletes in a commit."""
    document_cache_bytes_max: int = 64 * 1024 * 1024
    """Decoded documents kept in memory, counted by the bytes of their bodies."""

    # --- alarms
    alarms_held_max: int = 256
    """Next alarms held in memory; the rest stays in the store."""
    alarm_clock_seconds_max: float = 30.0
    """The sleeper looks at the wall clock at least this often: clock steps, suspended machines."""
    alarm_failures_max: int = 8
    """Failures of one alarm before it is parked until the next start."""
    alarm_backoff_seconds: float = 1.0
    """Wait after the first failure of an alarm; doubled after each."""
    alarms_running_max: int = 64
    """Due alarms handled at the same time, so that overdue ones do not come as a wave."""

    # --- outbox
    outbox_running_max: int = 64
    """Deliveries under way at once."""
    outbox_line_running_max: int = 16
    """Of one subscription: its receiver may hang without holding everybody's places."""
    outbox_attempts_max: int = 8
    """Attempts before a delivery is parked (a sender may bring its own list of waits)."""
    outbox_attempt_seconds_max: float = 10.0
    """Time for one attempt of a delivery."""
    outbox_page: int = 256
    """Due rows read at once."""

    # --- idempotency
    kept_reply_bytes_max: int = 65_536
    """Replies kept as they are; bigger ones are rebuilt from the actor's state."""
    kept_hours: float = 24.0
    """How long a repeated command answers as the first time (promise 9)."""

    # --- live
    listener_frames_max: int = 1_000
    """Frames waiting for one socket before its slow-listener policy acts."""
    listener_bytes_max: int = 1024 * 1024
    """Bytes waiting for one socket."""
    listener_stuck_seconds_max: float = 10.0
    """No progress for this long closes the socket (4509)."""
    joined_frames_max: int = 100
    """Frames that leave as one array."""
    joined_bytes_max: int = 64 * 1024
    """Bytes that leave as one array."""
    frame_bytes_max: int = 64 * 1024
    """A frame that a client may send."""
    frames_per_second_max: int = 200
    """Frames a client may send in a second, with as many as burst."""
    subscriptions_max: int = 100
    """Topics of one socket."""
    commands_in_flight_max: int = 64
    """Commands of one socket that are being answered."""
    sockets_max: int = 20_000
    """Sockets and event streams open at once."""
    ping_seconds: float = 25.0
    """Time between pings; silent loss shows within one."""
    pong_seconds_max: float = 8.0
    """Silence after a ping that closes the socket (4508)."""
    auth_seconds_max: float = 10.0
    """Time to authenticate after the upgrade (4401)."""
    ticket_seconds: float = 30.0
    """Life of a one-use ticket."""
    drain_spread_seconds: float = 3.0
    """Sockets are told to come back spread over this time."""
    drain_seconds_max: float = 9.0
    """The whole exit, before whatever is left is cut."""

    # --- strangers
    stranger_requests_per_second: float = 200.0
    """Requests of one address without a server's key, per thing it names; then 429."""
    stranger_requests_burst: float = 2_000.0
    """As many may come at once: a whole office behind one address is a crowd, not an attack."""

    # --- bodies
    body_bytes_max: int = 1_000_000
    """A request body where a route says nothing else."""
    body_items_max: int = 10_000
    """Things that one body may bring at once: after an outage a client sends what had piled up."""
    context_keys_max: int = 1_000
    """Facts that one body may tell of somebody: far above any honest number."""
    presented_bytes_max: int = 262_144
    """What one actor may show of its state."""
    id_bytes_max: int = 1_200
    """An actor's id in UTF-8."""
