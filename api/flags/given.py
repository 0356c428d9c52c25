"""What a visitor's command brings, judged before anybody is asked.

Of mixed input the good part is used and the rest is a remark, which is the rules' own business. But
where nothing of it can be used, the command changes nothing: it is refused here, with every reason.
Rules: spec flags 1.6, 4.7, 10.5.
"""

from __future__ import annotations

from actors.flags import contexts, sdk_hits
from actors.flags.names import LogLevel, Tag
from actors.flags.requests import VISITOR_CHARACTERS_MAX
from actors.flags.sdk_hits import HitInvalid
from actors.flags.visitor_tracking import HITS_MAX
from actors.flags.visitor_words import (
    Authenticate,
    ExposeAll,
    Open,
    SendHit,
    SendHits,
    UpdateContext,
)
from api.flags.showing import lines_of
from api.http import Problem, encode
from engine.effects import Note
from engine.messages import Command

FLAGS_BYTES_MAX = 100_000
"""Of initial flags: with a context, still less than an answer may show."""
EMPTY_ID = "a visitor id is a text that is not empty"


class Unusable(Problem):
    """422: nothing that was given can be used; `notes` are the reasons."""

    def __init__(self, notes: tuple[Note, ...]) -> None:
        logs = lines_of(notes, LogLevel.ALL)
        super().__init__(422, "unusable", notes[0].text, extra={"logs": logs})
        self.notes = notes


def check(command: Command) -> None:
    """Raise `Unusable` where nothing can be used; 400 for an id that is no text of its length."""
    match command:
        case Open():
            if command.visitor_id is not None:
                check_id(command.visitor_id, Tag.VISITOR_ID)
            _check_flags(command)
        case Authenticate(visitor_id=visitor_id):
            check_id(visitor_id, Tag.AUTHENTICATE)
        case UpdateContext(context=context):
            _check_context(context)
        case SendHit(hit=hit):
            _check_hits((hit,))
        case SendHits(hits=hits):
            _check_hits(hits)


def _check_context(context: dict[str, object]) -> None:
    """The SDK's own keys are no reason to refuse: they are ignored without a note."""
    if not contexts.has_good(context):
        _, notes = contexts.judge(context, Tag.UPDATE_CONTEXT)
        if notes:
            raise Unusable(notes)


def _check_flags(command: Open) -> None:
    """Initial flags are small enough to stay in memory with their visitor."""
    for flags in (command.initial_flags_data, command.initial_campaigns):
        if flags is not None and len(encode(flags)) > FLAGS_BYTES_MAX:
            detail = f"initial flags have at most {FLAGS_BYTES_MAX} bytes"
            raise Unusable((Note(LogLevel.ERROR, Tag.NEW_VISITOR, detail),))


def check_id(text: str, tag: Tag) -> None:
    """A visitor id has 1 to 256 code points (spec 10.5)."""
    if not text:
        raise Unusable((Note(LogLevel.ERROR, tag, EMPTY_ID),))
    if len(text) > VISITOR_CHARACTERS_MAX or not contexts.is_unicode(text):
        detail = f"a visitor id has at most {VISITOR_CHARACTERS_MAX} characters"
        raise Problem(400, "bad_id", detail)


def _check_hits(hits: tuple[object, ...]) -> None:
    reasons = []
    for hit in hits[:HITS_MAX]:  # with more, none is taken
        try:
            sdk_hits.shape(hit)
        except HitInvalid as invalid:
            reasons.append(Note(LogLevel.ERROR, Tag.ADD_HIT, str(invalid)))
        else:
            return
    if reasons:
        raise Unusable(tuple(reasons[: contexts.NOTES_MAX]))


def rows_of(command: Command) -> int:
    """How many rows a stranger's command counts for: one for each thing that it brings."""
    match command:
        case Open():
            return 2  # the visitor, and its token
        case SendHits(hits=hits):
            return max(1, len(hits))
        case ExposeAll(keys=tuple() as keys):
            return max(1, len(keys))
    return 1
