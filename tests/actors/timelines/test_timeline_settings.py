"""The settings' machine: every cell, what is remembered, and what applying leaves alone."""

from __future__ import annotations

import golden
import msgspec
import pytest
from cells import Cell, check_cell, every_cell, unfired

from actors.secrets import Secret
from actors.timelines.hook_words import WEBHOOKS_MAX, EventType, Naming, Webhook
from actors.timelines.settings import (
    ID,
    KIND,
    SETTINGS,
    Configure,
    Configured,
    DeclareWebhooks,
    Service,
    ServiceSet,
    SetService,
    Settings,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    WebhooksDeclared,
    evolve,
)
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Address, Command, Event, Fact, Snapshot

GIVEN = Settings(
    test_clock=True,
    missing_user="null",
    cors_origins=("https://app.example",),
    naive_datetimes=True,
    visible_read=True,
    legacy=True,
    webhook_private=True,
)
SEALED = Secret(sealed="sealed-text")
HOOK = Webhook("w1", "https://hooks.example/a", SEALED)
PICKY = Webhook("w2", "https://hooks.example/b", SEALED, (EventType.STATE_CHANGED,), Naming.LEGACY)
EXAMPLES = {
    "configure": [Configure(settings=GIVEN)],
    "setService": [
        SetService(status=Service.MAINTENANCE),
        SetService(status=Service.ONLINE),
    ],
    "declareWebhooks": [DeclareWebhooks(webhooks=(HOOK,))],
    "subscribe": [Subscribe(webhook=PICKY)],
    "unsubscribe": [Unsubscribe(id="w2")],
}
SAMPLES = (
    Configured(settings=Settings()),
    Configured(settings=GIVEN),
    ServiceSet(status=Service.MAINTENANCE, who="ann"),
    WebhooksDeclared(webhooks=(HOOK, PICKY)),
    Subscribed(webhook=PICKY, who="ann"),
    Unsubscribed(id="w2", who="ann"),
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


# --- webhooks


def test_a_file_declares_its_own_webhooks_and_no_others() -> None:
    """Those made at run time stand, and applying the same file again is nothing (engine 6)."""
    seen = after(Subscribe(webhook=PICKY), DeclareWebhooks(webhooks=(HOOK,)))
    assert [(one.id, one.declared) for one in seen.state.webhooks] == [("w1", True), ("w2", False)]
    assert decided(seen, DeclareWebhooks(webhooks=(HOOK,))) == ()
    other = Webhook("w3", "https://hooks.example/c", SEALED)
    seen = after(
        Subscribe(webhook=PICKY),
        DeclareWebhooks(webhooks=(HOOK,)),
        DeclareWebhooks(webhooks=(other,)),
        Configure(settings=GIVEN),
        SetService(status=Service.MAINTENANCE),
    )
    assert [one.id for one in seen.state.webhooks] == ["w3", "w2"]
    assert seen.state.webhook_private
    assert decided(seen, Configure(settings=GIVEN)) == ()


def test_webhooks_have_ids_of_their_own_and_are_few() -> None:
    """Each is told in the commit of what happened, so their number is bounded."""
    seen = after(Subscribe(webhook=HOOK))
    with pytest.raises(Refused, match="an id of its own"):
        decided(seen, Subscribe(webhook=HOOK))
    many = [
        Webhook(f"w{number}", "https://hooks.example/", SEALED) for number in range(WEBHOOKS_MAX)
    ]
    full = after(*(Subscribe(webhook=one) for one in many))
    with pytest.raises(Refused, match="at most 10"):
        decided(full, Subscribe(webhook=Webhook("more", "https://hooks.example/", SEALED)))
    with pytest.raises(Refused, match="of that id"):
        decided(full, Unsubscribe(id="nobody"))
    assert decided(full, Unsubscribe(id="w3")) == (Unsubscribed(id="w3", who="ann"),)


def test_secrets_of_webhooks_are_shown_to_nobody() -> None:
    """Not even sealed: neither in the state nor in an event."""
    seen = after(DeclareWebhooks(webhooks=(HOOK,)), Subscribe(webhook=PICKY))
    state = SETTINGS.present(seen.state)
    assert [one["id"] for one in state["webhooks"]] == ["w1", "w2"]
    events = [WebhooksDeclared(webhooks=(HOOK,)), Subscribed(webhook=PICKY, who="ann")]
    shown = [SETTINGS.present_events((event,)) for event in events]
    assert shown[0]["webhooks"][0]["url"] == HOOK.url
    assert (shown[1]["webhook"]["state_naming"], shown[1]["who"]) == ("legacy", "ann")
    both = SETTINGS.present_events(tuple(events))["transitions"]
    assert [event["name"] for event in both] == ["WebhooksDeclared", "Subscribed"]
    told = msgspec.json.encode([state, shown, both])
    assert b"sealed" not in told
    assert b"secret" not in told
    assert SETTINGS.present(Settings(legacy=True)) == {"legacy": True}
    assert SETTINGS.present_events((ServiceSet(status=Service.ONLINE, who="ann"),)) == {
        "status": "ONLINE",
        "who": "ann",
    }
