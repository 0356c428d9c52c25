"""The settings' machine: every cell, what is remembered, and what applying leaves alone."""

from __future__ import annotations

import golden
import msgspec
import pytest
from cells import Cell, check_cell, every_cell, unfired

from actors.timelines.settings import (
    ID,
    KIND,
    SETTINGS,
    Configure,
    Configured,
    Service,
    ServiceSet,
    SetService,
    Settings,
    evolve,
)
from engine.machine import Moment
from engine.messages import Address, Command, Event, Fact, Snapshot

GIVEN = Settings(
    test_clock=True,
    missing_user="null",
    cors_origins=("https://app.example",),
    naive_datetimes=True,
    visible_read=True,
)
EXAMPLES = {
    "configure": [Configure(settings=GIVEN)],
    "setService": [
        SetService(status=Service.MAINTENANCE),
        SetService(status=Service.ONLINE),
    ],
}
SAMPLES = (
    Configured(settings=Settings()),
    Configured(settings=GIVEN),
    ServiceSet(status=Service.MAINTENANCE, who="ann"),
)
NOBODY = SETTINGS.blank(Address("demo", KIND, ID))


@pytest.mark.parametrize("cell", every_cell(SETTINGS, EXAMPLES))
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves; any other is refused and changes nothing."""
    check_cell(cell)


def test_every_row_is_fired_by_an_example() -> None:
    """No row stands in the table untried."""
    assert unfired(SETTINGS, EXAMPLES) == []


def test_golden_machine_is_current() -> None:
    """If this fails, run `make golden`, look at the change, and commit it."""
    golden.check_machines(SETTINGS)


def test_golden_events_stay_readable() -> None:
    """Every stored event's form is kept; today's code still reads and folds all of them."""
    golden.check_events(SETTINGS, SAMPLES)


def after(*commands: Command) -> Snapshot:
    """The settings after these commands."""
    seen = NOBODY
    for command in commands:
        events = decided(seen, command)
        seen = SETTINGS.fold(seen, [Fact(seen.version + 1, 1, events)] if events else [])
    return seen


def decided(seen: Snapshot, command: Command) -> tuple[Event, ...]:
    """What a command leads to, by ann."""
    return SETTINGS.decide(seen, command, Moment(1, "ann")).events


def test_the_first_settings_are_a_fact() -> None:
    """Even all defaults: from then on the project has timelines; the same again are none."""
    defaults = Configure(settings=Settings())
    assert decided(NOBODY, defaults) == (Configured(settings=Settings()),)
    assert after(defaults).state.declared
    assert decided(after(defaults), defaults) == ()
    assert decided(after(defaults), Configure(settings=GIVEN)) == (Configured(settings=GIVEN),)


def test_settings_leave_the_switch_alone() -> None:
    """Whatever they say of it themselves (spec 5.12.22)."""
    down = SetService(status=Service.MAINTENANCE)
    for settings in (Settings(), Settings(maintenance=False), GIVEN):
        seen = after(down, Configure(settings=settings))
        assert (seen.state.maintenance, seen.phase) == (True, "MAINTENANCE")
    up = Configure(settings=Settings(maintenance=True, declared=True))
    assert not after(up).state.maintenance
    assert decided(after(up), Configure(settings=Settings())) == ()


def test_the_switch_leaves_settings_alone() -> None:
    """It says who moved it; where it is already, nothing happens."""
    down, online = (SetService(status=each) for each in (Service.MAINTENANCE, Service.ONLINE))
    configured = after(Configure(settings=GIVEN))
    assert decided(configured, online) == ()
    assert decided(configured, down) == (ServiceSet(status=Service.MAINTENANCE, who="ann"),)
    seen = after(Configure(settings=GIVEN), down)
    assert decided(seen, down) == ()
    assert after(Configure(settings=GIVEN), down, online).state == configured.state
    assert evolve(seen.state, Configured(settings=Settings())).maintenance


def test_defaults_are_not_written() -> None:
    """A state holds what somebody has set."""
    assert msgspec.json.encode(Settings()) == b"{}"
    assert msgspec.json.encode(Settings(maintenance=True)) == b'{"maintenance":true}'
