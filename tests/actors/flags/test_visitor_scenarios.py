"""What a visitor's status goes through (spec flags 4.2), and who the visitor is (4.7)."""

from __future__ import annotations

import pytest
from flag_visitor import HANDLE, RED, SHAPE, Case, hits_of, remarks

from actors.flags.flag_values import flags_of, serialized
from actors.flags.names import DEVICE_LOCALE, OS_NAME, LogLevel, SdkStatus, Tag
from actors.flags.visitor_shown import present, shown
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    FetchFlags,
    Open,
    SetConsent,
    Unauthenticate,
    UpdateContext,
)
from engine.messages import Forgotten

CREATED = ("FETCH_REQUIRED", "VISITOR_CREATED")
UPDATED = ("FETCH_REQUIRED", "UPDATE_CONTEXT")
LOGGED_IN = ("FETCH_REQUIRED", "AUTHENTICATE")
LOGGED_OUT = ("FETCH_REQUIRED", "UNAUTHENTICATE")
FETCHING = ("FETCHING", "NONE")
FETCHED = ("FETCHED", "NONE")
RESERVED = {"fs_client": "Python", "fs_version": "4.0.5", "fs_users": HANDLE}
ANSWER = [
    {
        "id": "c1",
        "variationGroupId": "vg1",
        "variation": {"id": "v1", "modifications": {"value": {"colour": "red"}}},
    }
]


def opened(**more: object) -> Case:
    """A visitor who consented, with a context."""
    case = Case(**more)  # type: ignore[arg-type]
    case.open(context={"age": 3})
    return case


def fetched() -> Case:
    """The same with flags."""
    case = opened()
    case.fetch(RED)
    return case


# --- created


@pytest.mark.covers("FS-022", "FS-025", "FS-026", "FS-038")
def test_a_new_visitor_needs_a_fetch() -> None:
    """FETCH_REQUIRED / VISITOR_CREATED, and its watchers hear that object."""
    case = opened()
    assert case.statuses == [CREATED]
    assert shown(case.visitor)["flagsStatus"] == {
        "status": "FETCH_REQUIRED",
        "reason": "VISITOR_CREATED",
    }


@pytest.mark.covers("FS-023", "FS-040")
def test_a_fetch_is_part_of_opening() -> None:
    """By the setting, unless the caller says otherwise; both statuses are heard."""
    case = Case()
    case.tell(Open(has_consented=True))
    assert case.statuses == [CREATED, FETCHING]
    for fetch_now, said, then in ((False, None, CREATED), (True, False, CREATED)):
        case = Case(fetch_now=fetch_now)
        case.tell(Open(fetch_now=said))
        assert case.flags_status == then
    case = Case(fetch_now=False)
    case.tell(Open(fetch_now=True))
    assert case.flags_status == FETCHING


@pytest.mark.covers("FS-023")
def test_at_the_edge_only_who_asks_fetches() -> None:
    """BUCKETING_EDGE fetches nothing by itself."""
    case = Case(decision_mode="BUCKETING_EDGE")
    case.tell(Open())
    assert case.flags_status == CREATED


@pytest.mark.covers("FS-004")
def test_before_the_start_nobody_fetches() -> None:
    """A visitor is there, and waits."""
    case = Case(SdkStatus.SDK_NOT_INITIALIZED)
    step = case.tell(Open(has_consented=True, fetch_now=True))
    assert (case.statuses, step.effects) == ([CREATED], ())
    assert case.refuses(FetchFlags())


@pytest.mark.covers("FS-019", "FS-020", "FS-021")
def test_initial_flags_are_there_before_the_first_fetch() -> None:
    """Either form is usable at once, the serialised one wins, and the status stays (4.x)."""
    case = Case()
    case.open(initial_campaigns=ANSWER)
    assert flags_of(case.visitor.person.campaigns)["colour"].value == "red"
    assert case.flags_status == CREATED
    case = Case()
    case.open(initial_campaigns=ANSWER, initial_flags_data=serialized((SHAPE,)))
    assert set(flags_of(case.visitor.person.campaigns)) == {"shape", "empty"}


def test_bad_initial_flags_are_a_remark() -> None:
    """The visitor is there all the same, without flags."""
    case = Case()
    step = case.open(initial_flags_data=[{"key": 1}])
    assert remarks(step) == [(LogLevel.ERROR, Tag.NEW_VISITOR)]
    assert case.visitor.person.campaigns == ()


@pytest.mark.covers("FS-011", "FS-012", "FS-181")
def test_consent_that_was_not_said_is_withheld() -> None:
    """A WARNING; the consent hit says so, and the visitor's cache goes."""
    case = Case()
    step = case.open(consented=None)
    assert not case.visitor.consented
    assert remarks(step) == [(LogLevel.WARNING, Tag.NEW_VISITOR)]
    assert [hit.content["el"] for hit in hits_of(step)] == ["Python:false"]
    assert [(each.list, each.row) for each in step.appends] == [
        ("flag_visitor_flush", ("env_1", HANDLE, ""))
    ]
    assert remarks(Case().open(consented=False)) == []


@pytest.mark.covers("FS-013", "FS-103")
@pytest.mark.parametrize("logged_in", [False, True])
def test_who_a_new_visitor_is(logged_in: bool) -> None:
    """The handle is the visitor id; who is logged in gets an anonymous id beside it."""
    case = Case()
    case.open(is_authenticated=logged_in)
    seen = shown(case.visitor)
    assert (seen["id"], seen["visitorId"], seen["hasConsented"]) == (HANDLE, HANDLE, True)
    assert seen["isAuthenticated"] is logged_in
    assert bool(seen["anonymousId"]) is logged_in


@pytest.mark.covers("FS-014", "FS-016", "FS-024", "FS-202", "FS-203", "FS-204")
def test_the_context_at_creation() -> None:
    """Good entries and the three reserved keys; a bad one is an ERROR; case counts."""
    case = Case()
    step = case.open(context={"Age": 1, "age": 2.5, "vip": True, "bad": None, "fs_users": "me"})
    assert case.visitor.person.context == {"Age": 1, "age": 2.5, "vip": True, **RESERVED}
    assert remarks(step) == [(LogLevel.ERROR, Tag.UPDATE_CONTEXT)]


def test_opened_again_everything_is_the_new_callers() -> None:
    """As `newVisitor`: consent, context, identity and status begin anew (spec 10.5)."""
    case = fetched()
    case.tell(Authenticate(visitor_id="bob"))
    case.tell(FetchFlags())
    step = case.open(context={"new": 1})
    assert case.flags_status == CREATED
    assert case.visitor.person.context == {"new": 1, **RESERVED}
    assert (case.visitor.person.visitor_id, case.visitor.person.anonymous_id) == (HANDLE, None)
    assert (case.visitor.fetch, case.visitor.person.campaigns) == (None, ())
    assert not any(isinstance(event, Forgotten) for event in step.events)


@pytest.mark.covers("FS-012")
def test_opened_again_without_consent_the_past_goes() -> None:
    """As if consent were withdrawn."""
    case = fetched()
    step = case.open(consented=False)
    assert any(isinstance(event, Forgotten) for event in step.events)
    assert present(case.visitor)["hasConsented"] is False


# --- what changes the visitor


@pytest.mark.covers("FS-029", "FS-036", "FS-107", "FS-110")
def test_a_changed_context_needs_a_fetch() -> None:
    """Entries are merged; the same value again is no change."""
    case = fetched()
    case.tell(UpdateContext(context={"Age": 4, "vip": "yes"}))
    assert case.flags_status == UPDATED
    context = {"age": 3, "Age": 4, "vip": "yes", **RESERVED}
    assert case.visitor.person.context == context
    assert flags_of(case.visitor.person.campaigns)["colour"].value == 1
    case.fetch(RED)
    assert case.tell(UpdateContext(context={"age": 3.0})).events == ()
    assert case.flags_status == FETCHED
    case.tell(UpdateContext(context={"age": True}))
    case.tell(UpdateContext(context={"age": 1}))
    assert case.visitor.person.context["age"] is not True


@pytest.mark.covers("FS-109", "FS-111")
def test_bad_entries_of_an_update_are_remarks() -> None:
    """The good ones of the same call count; only bad ones change nothing."""
    case = fetched()
    step = case.tell(UpdateContext(context={DEVICE_LOCALE: "fr", OS_NAME: "Ubuntu", "bad": []}))
    assert remarks(step) == [(LogLevel.ERROR, Tag.UPDATE_CONTEXT)]
    context = case.visitor.person.context
    assert (context["sdk_deviceLanguage"], context["sdk_osName"]) == ("fr", "Ubuntu")
    case.fetch(RED)
    step = case.tell(UpdateContext(context={"": 1}))
    assert (step.events, remarks(step)) == ((), [(LogLevel.ERROR, Tag.UPDATE_CONTEXT)])
    assert case.flags_status == FETCHED


@pytest.mark.covers("FS-036", "FS-108", "FS-195")
def test_a_cleared_context_needs_a_fetch() -> None:
    """The reserved keys stay, nobody else sets them, and a second time is no change."""
    case = fetched()
    case.tell(ClearContext())
    assert (case.flags_status, case.visitor.person.context) == (UPDATED, RESERVED)
    case.fetch(RED)
    assert case.tell(ClearContext()).events == ()
    assert case.tell(UpdateContext(context={"fs_users": "me", "fs_client": "x"})).events == ()
    assert case.flags_status == FETCHED


@pytest.mark.covers("FS-032", "FS-116", "FS-117", "FS-204")
def test_logging_in_needs_a_fetch() -> None:
    """The old id becomes the anonymous one; the reserved key follows; nothing is fetched."""
    case = fetched()
    case.tell(Authenticate(visitor_id="bob"))
    person = case.visitor.person
    assert (person.visitor_id, person.anonymous_id) == ("bob", HANDLE)
    assert person.context["fs_users"] == "bob"
    assert (case.flags_status, case.visitor.authenticated) == (LOGGED_IN, True)


@pytest.mark.covers("FS-037", "FS-118", "FS-119", "FS-204")
def test_logging_out_needs_a_fetch() -> None:
    """The anonymous id is the visitor id again."""
    case = fetched()
    case.tell(Authenticate(visitor_id="bob"))
    case.tell(Unauthenticate())
    person = case.visitor.person
    assert (person.visitor_id, person.anonymous_id) == (HANDLE, None)
    assert person.context["fs_users"] == HANDLE
    assert (case.flags_status, case.visitor.authenticated) == (LOGGED_OUT, False)


@pytest.mark.covers("FS-118")
def test_one_created_logged_in_becomes_the_generated_anonymous_one() -> None:
    """Logging out goes to the anonymous id, which here nobody gave."""
    case = Case()
    case.open(is_authenticated=True)
    anonymous = case.visitor.person.anonymous_id
    case.tell(Unauthenticate())
    assert case.visitor.person.visitor_id == anonymous != HANDLE


@pytest.mark.covers("FS-116")
@pytest.mark.parametrize("wrong", ["", "x" * 257, "\ud800"])
def test_a_wrong_id_logs_nobody_in(wrong: str) -> None:
    """Empty, too long, or no text."""
    assert opened().refuses(Authenticate(visitor_id=wrong))
    assert not opened().refuses(Authenticate(visitor_id="x" * 256))


@pytest.mark.covers("FS-116", "FS-118")
def test_nobody_logs_in_twice_or_out_while_anonymous() -> None:
    """Refused, and nothing changes."""
    case = opened()
    assert "anonymous" in case.refuses(Unauthenticate())
    case.tell(Authenticate(visitor_id="bob"))
    assert "authenticated" in case.refuses(Authenticate(visitor_id="carl"))


@pytest.mark.covers("FS-104")
def test_consent_changes_no_status() -> None:
    """Given, withdrawn or repeated: the flags stay where they are (spec 4.2)."""
    case = fetched()
    for consented in (True, False, False, True):
        case.tell(SetConsent(has_consented=consented))
        assert case.visitor.consented is consented
        assert case.flags_status == FETCHED
        assert flags_of(case.visitor.person.campaigns)["colour"].value == 1
    assert case.statuses == [CREATED, FETCHING, FETCHED]
