"""Conditions and operations of a document, judged: forms, names, types, literals.

Whatever passes here can be compiled and carried out without another look: names exist, literals
parse as the type that they meet, operators fit. Rules: spec timelines 5.7, 5.8, 5.12.9 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import cached_property

from actors.timelines import times, values
from actors.timelines.document import (
    DEPTH_MAX,
    Condition,
    Count,
    CountOfAll,
    Daily,
    Elapsed,
    Operand,
    Operation,
    Time,
    Timeline,
    Variable,
)
from actors.timelines.findings import Findings, quoted
from actors.timelines.publishing import forms, parts

OPERATIONS_MAX = 50
"""Operations of one trigger: a command runs those of a few triggers at once."""
CONDITIONS_MAX = 1_000
"""Conditions inside one, itself included: a walk judges all of them at once."""
SINCE_STATES = ("ACTIVE", "VISITED")
"""States that an event comes to; nobody ever comes to UNVISITED."""


class Declared:
    """What a document declares, by name; of equal names the first one counts."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.variables: dict[str, Variable] = {}
        for variable in timeline.variables:
            self.variables.setdefault(variable.name, variable)
        self.beats = {beat.id for beat in timeline.beats}
        self.rows = {row.id for row in timeline.rows}
        self.threads = {thread.id for thread in timeline.threads}
        self.events = {event.id for event in timeline.events}

    @cached_property
    def links(self) -> frozenset[str]:
        """The ids of all links, `FROM:TO`."""
        return frozenset(
            f"{event.id}:{link.to}" for event in self._timeline.events for link in event.links
        )


class Judge:
    """Judges conditions and operations of one document; what is wrong goes to `findings`."""

    def __init__(self, declared: Declared, findings: Findings) -> None:
        self._declared = declared
        self._note = findings.note

    def condition(self, condition: Condition, pointer: str) -> None:
        """Judge a condition and all inside it, at most 64 deep and 1,000 in all."""
        waiting, count = [(condition, pointer, 1)], 0
        while waiting:
            one, where, depth = waiting.pop()
            count += 1
            if count > CONDITIONS_MAX:
                reason = f"at most {CONDITIONS_MAX} conditions are allowed in one"
                self._note(pointer, "too_many", reason)
                return
            if depth > DEPTH_MAX:
                self._note(where, "too_deep", f"conditions nest at most {DEPTH_MAX} deep")
                return
            form = forms.form_of(one)
            if form is None:
                self._note(where, "form", _formless(one))
                continue
            inside = parts.inner(one, where)
            waiting += [(each, place, depth + 1) for each, place in reversed(inside)]
            self._leaf(one, where)

    def _leaf(self, one: Condition, where: str) -> None:
        if one.var is not None:
            self._comparison(one, one.var, where)
        elif one.event is not None:
            self._known(one.event, self._declared.events, "event", f"{where}/event")
        elif one.link is not None:
            self._known(one.link, self._declared.links, "link", f"{where}/link")
            self._count(one.followed or one.followed_by_all, where)
        elif one.time is not None:
            self._time(one.time, f"{where}/time")
        elif one.elapsed is not None:
            self._elapsed(one.elapsed, f"{where}/elapsed")
        elif one.daily is not None:
            self._daily(one.daily, f"{where}/daily")

    # --- leaves

    def _comparison(self, one: Condition, name: str, where: str) -> None:
        variable = self._variable(name, f"{where}/var")
        if variable is None or one.op is None or one.value is None:
            return
        if one.op in values.ORDERINGS and variable.type not in ("number", "datetime"):
            reason = f"`{one.op}` does not compare values of type {variable.type}"
            self._note(f"{where}/op", "type", reason)
        self._operand(one.value, variable.type, f"{where}/value")

    def _count(self, count: Count | CountOfAll | None, where: str) -> None:
        name = "followed" if isinstance(count, Count) else "followed_by_all"
        bounds = {"at_least": count.at_least} if count else {}
        if isinstance(count, Count):
            bounds["at_most"] = count.at_most
        self._bounded(bounds, f"{where}/{name}")
        for bound, number in bounds.items():
            if number is not None and number < 0:
                self._note(f"{where}/{name}/{bound}", "out_of_range", "a count is 0 or more")

    def _time(self, time: Time, where: str) -> None:
        self._bounded({"after": time.after, "before": time.before}, where)
        for name, at in (("after", time.after), ("before", time.before)):
            if isinstance(at, str):
                self._parsed(times.read_instant, at, f"{where}/{name}")
            elif at is not None:
                self._operand(at, "datetime", f"{where}/{name}")

    def _elapsed(self, elapsed: Elapsed, where: str) -> None:
        self._since(elapsed.since, f"{where}/since")
        bounds = {"at_least": elapsed.at_least, "at_most": elapsed.at_most}
        self._bounded(bounds, where)
        for name, duration in bounds.items():
            if duration is not None:
                self._parsed(times.read_duration, duration, f"{where}/{name}")

    def _since(self, since: str, where: str) -> None:
        kind, _, rest = since.partition(":")
        event, _, state = rest.rpartition(".")
        if kind == "beat":
            self._known(rest, self._declared.beats, "beat", where)
        elif kind == "event" and state in SINCE_STATES:
            self._known(event, self._declared.events, "event", where)
        elif since != "user.created":
            reason = "`since` is user.created, event:ID.ACTIVE, event:ID.VISITED or beat:ID"
            self._note(where, "value", reason)

    def _daily(self, daily: Daily, where: str) -> None:
        start = self._parsed(times.read_clock, daily.from_, f"{where}/from")
        end = self._parsed(times.read_clock, daily.to, f"{where}/to")
        if daily.from_ == "24:00":
            self._note(f"{where}/from", "value", "a window starts before 24:00")
        elif start is not None and start == end:
            self._note(where, "value", "a window that ends when it starts is never open")
        if daily.days == ():
            self._note(f"{where}/days", "empty", "name a day, or leave `days` out for every day")

    # --- operations

    def operations(self, operations: parts.Operations, pointer: str) -> None:
        """Judge the operations of one trigger, at most 50."""
        if len(operations) > OPERATIONS_MAX:
            reason = f"{len(operations)} operations, at most {OPERATIONS_MAX} are allowed"
            self._note(pointer, "too_many", reason)
        for at, operation in enumerate(operations):
            self._operation(operation, f"{pointer}/{at}")

    def _operation(self, operation: Operation, where: str) -> None:
        misfit = forms.misfit(operation)
        if misfit:
            self._note(where, "form", misfit)
            return
        variable = self._variable(operation.var, f"{where}/var")
        if variable is None:
            return
        if operation.op not in values.OPERATIONS[variable.type]:
            reason = f"`{operation.op}` does not work on values of type {variable.type}"
            self._note(f"{where}/op", "type", reason)
        elif operation.value is not None:
            self._operand(operation.value, variable.type, f"{where}/value")
        elif operation.plus is not None:
            self._parsed(times.read_duration, operation.plus, f"{where}/plus")

    # --- what they have in common

    def _operand(self, value: str | Operand, type_: str, where: str) -> None:
        """A literal must parse as that type, a variable must have it."""
        if isinstance(value, str):
            self._parsed(lambda text: values.check(type_, text), value, where)
            return
        variable = self._variable(value.var, f"{where}/var")
        if variable is not None and variable.type != type_:
            reason = f"{quoted(value.var)} has type {variable.type}, {type_} is needed"
            self._note(f"{where}/var", "type", reason)

    def _variable(self, name: str, where: str) -> Variable | None:
        self._known(name, self._declared.variables, "variable", where)
        return self._declared.variables.get(name)

    def _known(self, name: str, names: Container[str], what: str, at: str) -> None:
        if name not in names:
            self._note(at, "unknown", f"there is no {what} {quoted(name)}")

    def _bounded(self, bounds: Mapping[str, object], where: str) -> None:
        if all(bound is None for bound in bounds.values()):
            self._note(where, "form", f"{' or '.join(f'`{name}`' for name in bounds)} is needed")

    def _parsed(self, read: Callable[[str], object], text: str, where: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            self._note(where, "value", str(error))
            return None


def _formless(one: Condition) -> str:
    names = forms.given(one)
    if not names:
        return "a condition needs a form, as `var` with `op` and `value`"
    return f"{', '.join(f'`{name}`' for name in names)} together are no form of a condition"
