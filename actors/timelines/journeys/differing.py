"""Differences between a journey and its replay: of states, not of how they came about.

After each step the journey says how the user stood, and the replay how it stands now. What differs
is told once, at the step at which it begins to differ so; what was told and is the same again may
be told anew. Only variables that the journey knows are compared. Rule: spec timelines 12 (row 4).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from actors.timelines.answers.shapes import DateTime
from actors.timelines.journeys import Did, Journey, JourneyStep
from actors.timelines.timeline_words import Timed, Timeline
from actors.timelines.user_words import EventState

DIFFERENCES_MAX = 1_000
"""Differences that a report lists; who has more changed the story, and knows."""

IMPOSSIBLE, EVENT, STEP, GUARD, END = "impossible", "event", "step", "guard", "end"
VARIABLE, SHARED = "variable", "shared_variable"
KNOWN_ONLY = (VARIABLE, SHARED)
"""What a definition may have more of without a difference."""
Key = tuple[str, str]
"""A sort of thing and its id."""
Seen = dict[Key, str | None]
"""How somebody stands."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that came out differently at step `step_index` of the journey, from 0.

    `what`: `impossible` (the choice of the step cannot be made any more; `why` says the reasons),
    `event` (its state), `variable` and `shared_variable` (the value), `step` (the column), `guard`
    (which one is waited for), `end` (whether it is reached). `expected` is the journey's, `found`
    the replay's; null where there is none. `id` is that of the event, link or variable.
    """

    step_index: int
    at: DateTime
    did: Did
    what: str
    id: str | None = None
    expected: str | None = None
    found: str | None = None
    why: tuple[str, ...] = ()


class Differences:
    """Follows a journey and its replay, step by step.

    For each step: `begin`, then `happened` for what the replay came to or `impossible`, then
    `compare`.
    """

    def __init__(self, journey: Journey) -> None:
        self.kept: list[Difference] = []
        self.left_out = 0
        self._expected: Seen = {}
        self._found: Seen = {}
        self._told: dict[Key, tuple[str | None, str | None]] = {}
        self._touched: dict[Key, None] = {}
        self._shared: Mapping[str, Timed] = {}
        self._number = 0
        self._step = journey.steps[0]
        self._expect({(VARIABLE, name): value for name, value in journey.variables.items()})

    def begin(self, number: int, step: JourneyStep) -> None:
        """The journey's next step: how the user stood after it."""
        self._number, self._step = number, step
        self._expect(_stand(step))
        self._expect({(VARIABLE, name): value for name, value in step.variables.items()})
        if step.others is not None:
            listed = step.others.variables.items()
            self._expect({(SHARED, name): values[0].value for name, values in listed})
        self._expect({(SHARED, name): value for name, value in step.shared.items()})

    def happened(self, step: JourneyStep, variables: Mapping[str, str]) -> None:
        """What the replay came to; `variables` are the user's after it."""
        self._find(_stand(step))
        new = variables if step.did is Did.CREATED else step.variables
        self._find({(VARIABLE, name): value for name, value in new.items()})

    def impossible(self, why: tuple[str, ...]) -> None:
        """The choice of this step cannot be made."""
        chosen = self._step.link_id or self._step.timeline_event_id
        self._note(IMPOSSIBLE, chosen, None, None, why)

    def compare(self, timeline: Timeline) -> None:
        """Tell what differs now and was not told so before."""
        if timeline.shared is not self._shared:
            self._shared = timeline.shared
            self._find({(SHARED, name): timed.value for name, timed in self._shared.items()})
        touched, self._touched = self._touched, {}
        for key in touched:
            if key[0] in KNOWN_ONLY and key not in self._expected:
                continue
            expected, found = self._expected.get(key), self._found.get(key)
            if expected == found:
                self._told.pop(key, None)
            elif self._told.get(key) != (expected, found):
                self._told[key] = (expected, found)
                self._note(key[0], key[1] or None, expected, found)

    def _expect(self, new: Seen) -> None:
        self._expected.update(new)
        self._touched.update(dict.fromkeys(new))

    def _find(self, new: Seen) -> None:
        self._found.update(new)
        self._touched.update(dict.fromkeys(new))

    def _note(
        self,
        what: str,
        id_: str | None,
        expected: str | None,
        found: str | None,
        why: tuple[str, ...] = (),
    ) -> None:
        if len(self.kept) == DIFFERENCES_MAX:
            self.left_out += 1
            return
        step = self._step
        self.kept.append(
            Difference(
                step_index=self._number,
                at=step.at,
                did=step.did,
                what=what,
                id=id_,
                expected=expected,
                found=found,
                why=why,
            )
        )


def _stand(step: JourneyStep) -> Seen:
    """How a user stands after a step, variables aside."""
    found: Seen = {
        (EVENT, change.timeline_event_id): EventState(change.state) for change in step.state_changes
    }
    found[STEP, ""] = None if step.current_step is None else str(step.current_step)
    found[GUARD, ""] = step.waiting_for_condition_id
    found[END, ""] = "true" if step.end_of_timeline_reached else "false"
    return found
