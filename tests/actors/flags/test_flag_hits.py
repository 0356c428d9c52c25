"""Hits and reports: what is kept, what is counted as dropped, and under which key."""

from __future__ import annotations

import datetime
import json

import pytest
from flag_files import campaign, file, group
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.flags import reports
from actors.flags.hits import HITS_MAX, QUEUE_MS_MAX, Diagnostic, Hit, diagnostic_body, hits_body
from actors.flags.reports import RollupKey
from actors.flags.requests import RequestInvalid

EVENT = {"vid": "v", "t": "EVENT", "ec": "Action Tracking", "ea": "click"}
MINIMAL = {
    "EVENT": {"ec": "User Engagement", "ea": "fs_consent"},
    "PAGEVIEW": {"dl": "https://here"},
    "SCREENVIEW": {"dl": "Home"},
    "TRANSACTION": {"tid": "1", "ta": "shop"},
    "ITEM": {"tid": "1", "in": "cup", "ic": "sku"},
    "SEGMENT": {"s": {"age": 3}},
    "CAMPAIGN": {"caid": "vg", "vaid": "va"},
}


def batch(*hits: object, **more: object) -> bytes:
    return json.dumps({"ds": "APP", "cid": "env", "t": "BATCH", "h": list(hits), **more}).encode()


def one(hit: dict[str, object]) -> Hit:
    [kept] = hits_body(batch(hit)).kept
    return kept


def reason(hit: object) -> str:
    [dropped] = hits_body(batch(hit)).dropped
    return dropped.reason


@pytest.mark.parametrize("name", MINIMAL)
def test_every_type_with_its_required_fields(name):
    """Each type of hit is kept with its required fields, in any letter case of the type."""
    for written in (name, name.lower(), name.capitalize()):
        kept = one({"vid": "v", "t": written, **MINIMAL[name]})
        assert (kept.type, kept.visitor_id, kept.anonymous_id) == (name, "v", "")
        assert kept.fields == MINIMAL[name]


@pytest.mark.parametrize(("name", "field"), [(n, f) for n, each in MINIMAL.items() for f in each])
def test_a_required_field_cannot_be_missed(name, field):
    """Without a required field, or with one of a wrong type, a hit is dropped and says why."""
    hit = {"vid": "v", "t": name, **MINIMAL[name]}
    assert field in reason({**hit, field: None})
    assert field in reason({**hit, field: ""})
    assert field in reason({**hit, field: 5})
    del hit[field]
    assert field in reason(hit)


def test_categories_of_events():
    """A category other than the two is refused."""
    assert one({**EVENT, "ec": "User Engagement"})
    assert "ec" in reason({**EVENT, "ec": "Other"})
    assert "ec" in reason({**EVENT, "ec": ["Action Tracking"]})


def test_who_sent_a_hit():
    """Anonymous: vid is the visitor. Authenticated: cuid is, and vid its anonymous id."""
    assert one({**EVENT, "cuid": None}).visitor_id == "v"
    known = one({**EVENT, "cuid": "me"})
    assert (known.visitor_id, known.anonymous_id) == ("me", "v")
    assert one({**EVENT, "vid": None, "cuid": "me"}).anonymous_id == ""
    for nobody in ({"vid": ""}, {"vid": 5}, {"vid": "v" * 257}):
        assert "vid" in reason({**EVENT, **nobody})


OPTIONAL = [
    (EVENT, "ev", [0, 5, 2**53], [1.5, -1, "5", True, 2**53 + 1]),
    (EVENT, "el", ["label"], [5, ""]),
    (EVENT, "sn", ["1234", 1234], [None, True]),
    (EVENT, "qa", [True, False], ["yes"]),
    (EVENT, "sr", ["800X600"], [800]),
    ({"vid": "v", "t": "TRANSACTION", **MINIMAL["TRANSACTION"]}, "tc", ["EUR"], ["EURO", 5]),
    ({"vid": "v", "t": "TRANSACTION", **MINIMAL["TRANSACTION"]}, "icn", [2], [1.5, -2]),
    (
        {"vid": "v", "t": "TRANSACTION", **MINIMAL["TRANSACTION"]},
        "tr",
        [0, 9.5],
        ["9.5", True, 10**400],
    ),
    ({"vid": "v", "t": "ITEM", **MINIMAL["ITEM"]}, "iq", [3], [0.5]),
    ({"vid": "v", "t": "ITEM", **MINIMAL["ITEM"]}, "ip", [3.5], ["3.5"]),
]


@pytest.mark.parametrize(("hit", "field", "good", "bad"), OPTIONAL)
def test_optional_fields(hit, field, good, bad):
    """A valid optional field is kept; an invalid one vanishes and the hit stays."""
    for value in good:
        assert one({**hit, field: value}).fields[field] == value
    for value in bad:
        assert field not in one({**hit, field: value}).fields


def test_fields_of_other_types_are_left_out():
    """A hit holds only the fields of its type and the common ones."""
    assert one({**EVENT, "tid": "1", "whatever": 1}).fields == {
        "ec": "Action Tracking",
        "ea": "click",
    }


def test_a_batch_is_sorted_out():
    """Valid hits are kept in order; the others are told with position, type and reason."""
    read = hits_body(batch(EVENT, 5, {**EVENT, "t": "activate"}, {"t": 3}, {**EVENT, "ea": "x"}))
    assert read.cid == "env"
    assert [each.fields["ea"] for each in read.kept] == ["click", "x"]
    assert [(each.position, each.type, each.reason) for each in read.dropped] == [
        (1, "", "not an object"),
        (2, "ACTIVATE", "unknown type"),
        (3, "", "unknown type"),
    ]
    assert hits_body(batch()).kept == ()
    assert reason({"vid": "v", "t": "TROUBLESHOOTING"}) == "diagnostics are not hits"


def test_the_single_form():
    """A hit that is no batch is itself the body."""
    read = hits_body(json.dumps({**EVENT, "cid": "env", "ds": "APP"}).encode())
    assert (read.cid, len(read.kept)) == ("env", 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"t":"BATCH","h":[]}',
        b'{"cid":"","t":"BATCH","h":[]}',
        b'{"cid":5,"t":"EVENT"}',
        b'{"cid":"env","t":"BATCH"}',
        batch(*[0] * (HITS_MAX + 1)),
    ],
    ids=range(7),
)
def test_bodies_that_are_no_hits(body):
    """No JSON object, no environment, a batch without a list, or too many hits is refused."""
    with pytest.raises(RequestInvalid):
        hits_body(body)


@pytest.mark.parametrize(
    ("queued", "expected"),
    [(699, 699), (1.9, 1), (-5, 0), (None, 0), ("9", 0), (10**9, QUEUE_MS_MAX)],
)
def test_time_in_the_queue(queued, expected):
    """`qt` counts in milliseconds, from nothing to four hours."""
    assert one({**EVENT, "qt": queued}).queued_ms == expected


def test_diagnostics_are_recognised():
    """Troubleshooting and analytics give kind, environment and label."""
    body = {"vid": "v", "cid": "env", "t": "TROUBLESHOOTING", "cv": {"label": "SDK_CONFIG"}}
    told = diagnostic_body(json.dumps(body).encode())
    assert told == Diagnostic("troubleshooting", "env", "SDK_CONFIG")
    usage = {"cid": "env", "t": "usage", "cv": None}
    assert diagnostic_body(json.dumps(usage).encode()) == Diagnostic("analytics", "env", "")
    for wrong in ({"cid": "env", "t": "EVENT"}, {"t": "USAGE"}):
        with pytest.raises(RequestInvalid):
            diagnostic_body(json.dumps(wrong).encode())


MIDNIGHT = 1_772_323_200_000  # 2026-03-01T00:00:00Z


def test_the_day_of_a_hit():
    """The UTC day of received minus queued, and at most four hours back."""
    assert reports.day_of(MIDNIGHT) == "2026-03-01"
    assert reports.day_of(MIDNIGHT, 1) == "2026-02-28"
    assert reports.day_of(MIDNIGHT, -1) == "2026-03-01"
    noon = MIDNIGHT + 12 * 3_600_000
    assert reports.day_of(noon, 30 * 3_600_000) == "2026-03-01"
    assert reports.day_of(MIDNIGHT + QUEUE_MS_MAX - 1, 10**12) == "2026-02-28"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dates(min_value=datetime.date(1970, 1, 1), max_value=datetime.date(9999, 12, 31)))
def test_days_are_the_calendars(date):
    """The text of a day is the calendar's, leap years included."""
    days = (date - datetime.date(1970, 1, 1)).days
    assert reports.day_text(days) == date.isoformat()


def test_rollups():
    """Exposures count by variation; other hits by type, with an event's or a shop's name."""
    by_group = reports.campaigns_by_group(
        file(campaign("c", group("vg", 100)), campaign("d", group("vg", 100)))
    )
    assert by_group == {"vg": "c"}

    def counted(hit):
        return reports.hit(one({"vid": "v", **hit}), "2026-03-01", by_group)

    exposed = counted({"t": "CAMPAIGN", "caid": "vg", "vaid": "va"})
    assert exposed == reports.exposure("2026-03-01", "c", "vg", "va")
    assert exposed.key == RollupKey("2026-03-01", "EXPOSURE", "c", "vg", "va")
    assert counted({"t": "CAMPAIGN", "caid": "x", "vaid": "va"}).key.campaign_id == ""
    clicked = counted({**EVENT, "ev": 5})
    assert (clicked.key.metric, clicked.key.name, clicked.value) == ("EVENT", "click", 5.0)
    bought = counted({"t": "TRANSACTION", "tid": "1", "ta": "s" * 500, "tr": 9.5})
    assert (bought.key.name, bought.value) == ("s" * 128, 9.5)
    seen = counted({"t": "PAGEVIEW", "dl": "https://here"})
    assert (seen.key, seen.value) == (RollupKey("2026-03-01", "PAGEVIEW"), 0.0)
