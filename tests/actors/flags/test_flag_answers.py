"""Answers: the bodies of the decision routes, byte for byte where it matters."""

from __future__ import annotations

import json

import pytest
from flag_files import WORLD, ask, campaign, document, file, flag, group, rule

from actors.flags import answers
from actors.flags.bucketing import parse

TROUBLE = {"startDate": "a", "endDate": "b", "timezone": "c", "traffic": 100}
SETTINGS = {"enabledXPC": True, "enabled1V1T": False, "troubleshooting": TROUBLE}


def body(*campaigns, mode="normal", expose=False, extras=False, **more):
    compiled, decision = ask(*campaigns, **more)
    options = {"expose_all_keys": expose, "extras": extras}
    return json.loads(answers.campaigns(compiled, decision, mode, **options))


def test_campaigns_in_full_dress():
    """The normal body has the visitor, and every member of each campaign, in file order."""
    first, second = body(*WORLD)["campaigns"]
    assert body(*WORLD)["visitorId"] == "visitor_1"
    assert first == {
        "id": "c1",
        "name": "Campaign c1",
        "slug": None,
        "type": "ab",
        "variationGroupId": "vg1",
        "variationGroupName": "Group vg1",
        "variation": {
            "id": "vg1-1",
            "name": "Variation 1",
            "reference": True,
            "modifications": {"type": "FLAG", "value": {"k": "v"}},
        },
    }
    assert (second["slug"], second["type"]) == ("two", "toggle")


def test_members_that_appear_only_sometimes():
    """No campaign is an empty list; `panic` and `extras` are absent unless they apply."""
    assert body() == {"visitorId": "visitor_1", "campaigns": []}
    compiled, decision = ask(visitor_id='a"\n')
    assert answers.campaigns(compiled, decision) == b'{"visitorId":"a\\"\\n","campaigns":[]}'


def test_all_keys_or_own_keys():
    """Exposed, the siblings' keys are there as null; hidden, null values are left out."""
    value = body(*WORLD, expose=True)["campaigns"][0]["variation"]["modifications"]["value"]
    assert value == {"k": "v", "gone": None, "only-here": None}
    value = body(*WORLD)["campaigns"][0]["variation"]["modifications"]["value"]
    assert value == {"k": "v"}
    deep = body(*WORLD)["campaigns"][1]["variation"]["modifications"]["value"]
    assert deep == {"k": 3, "l": [1, {"a": None}]}


def test_exposing_leaves_no_trace():
    """One compiled file answers both ways, in any order, always the same."""
    compiled, decision = ask(*WORLD)
    ways = [
        answers.campaigns(compiled, decision, expose_all_keys=expose)
        for expose in (False, True, False, True, False)
    ]
    assert ways[0] == ways[2] == ways[4] != ways[1] == ways[3]


def test_modes():
    """Simple has pairs and merged modifications, full has both, another mode nothing."""
    aggregates = {
        "campaignsVariation": [
            {"campaignId": "c1", "variationId": "vg1-1"},
            {"campaignId": "c2", "variationId": "one-1"},
        ],
        "mergedModifications": {"k": 3, "l": [1, {"a": None}]},
    }
    assert body(*WORLD, mode="simple") == aggregates
    assert body(*WORLD, mode="full") == {**body(*WORLD), **aggregates}
    assert body(*WORLD, mode="other") == {}
    merged = body(*WORLD, mode="simple", expose=True)["mergedModifications"]
    assert merged == {"k": 3, "gone": None, "only-here": None, "l": [1, {"a": None}]}


def test_extras_have_exactly_four_members():
    """Account settings in `extras` hold their type, two switches and troubleshooting."""
    kind = "type.googleapis.com/flagship.protobuf.AccountSettings"
    assert body(extras=True)["extras"] == {
        "accountSettings": {
            "@type": kind,
            "enabledXPC": False,
            "enabled1V1T": False,
            "troubleshooting": None,
        }
    }
    told = body(extras=True, mode="simple", accountSettings=SETTINGS)["extras"]["accountSettings"]
    assert told == {"@type": kind, **SETTINGS}
    assert list(told) == ["@type", "enabledXPC", "enabled1V1T", "troubleshooting"]


@pytest.mark.parametrize("mode", ["normal", "simple", "full", "other"])
def test_panic_is_the_same_everywhere(mode):
    """Every decision route answers panic with the same body."""
    told = {"visitorId": "visitor_1", "campaigns": [], "panic": True}
    assert body(*WORLD, mode=mode, extras=True, panic=True) == told
    _, decision = ask(*WORLD, panic=True, name="unheard-of")
    assert json.loads(answers.flags(decision)) == told
    single = answers.single_campaign(decision)
    assert (single.status, json.loads(single.body)) == (200, told)


def single(name, *campaigns, **options):
    _, decision = ask(*campaigns, name=name)
    return answers.single_campaign(decision, **options)


def test_one_campaign_at_top_level():
    """A campaign asked for by id or slug is the whole body."""
    found = single("c2", *WORLD)
    assert (found.status, found.content_type) == (200, "application/json")
    assert json.loads(found.body) == body(*WORLD)["campaigns"][1]
    assert single("two", *WORLD) == found
    exposed = json.loads(single("c1", *WORLD, expose_all_keys=True).body)
    assert "only-here" in exposed["variation"]["modifications"]["value"]


def test_outcomes_without_a_campaign():
    """Unknown is 400, not targeted or out of range 204, targeted without variation 400."""
    other = campaign("other", group("o", 100, [rule("EQUALS", "no", 1)]))
    closed = campaign("closed", group("x", 100), bucketRanges=[])
    empty = campaign("empty", group("e", [0, 0]))
    unknown = single("nope", *WORLD)
    assert unknown.status == 400
    assert "nope" in json.loads(unknown.body)["message"]
    assert single("other", other) == answers.Answer(204, b"")
    assert single("closed", closed).status == 204
    untracked = single("empty", empty)
    assert (untracked.status, untracked.body) == (400, b'{"message":"Visitor untracked"}')


@pytest.mark.parametrize(
    ("kind", "content_type"), [("HTML", "text/html"), ("TEXT", "text/plain"), ("IMAGE", "image")]
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [('<b>"é"</b>\n', '<b>"é"</b>\n'.encode()), (True, b"true"), (3.5, b"3.5"), ([1], b"[1]")],
)
def test_bare_values(kind, content_type, value, expected):
    """With `format_response` the first value comes without JSON, typed as what it is."""
    one = campaign("c", group("g", 100, v1=flag({"k": value, "l": 2}, kind)))
    bare = single("c", one, format_response=True)
    assert (bare.status, bare.body, bare.content_type) == (200, expected, content_type)
    assert single("c", one).content_type == "application/json"


def test_values_that_cannot_be_bare():
    """Other types, and a variation without values, are answered as a campaign; null is empty."""
    for modifications in (flag({"k": 1}), flag({"k": None}, "TEXT"), flag({}, "HTML")):
        one = campaign("c", group("g", 100, v1=modifications))
        assert json.loads(single("c", one, format_response=True).body)["id"] == "c"
    null = campaign("c", group("g", 100, v1=flag({"k": None}, "TEXT")))
    bare = single("c", null, format_response=True, expose_all_keys=True)
    assert (bare.body, bare.content_type) == (b"", "text/plain")


def test_flags_by_key():
    """Each key has value and metadata; siblings' keys are null by default; the first wins."""
    _, decision = ask(*WORLD)
    told = json.loads(answers.flags(decision))
    assert {key: each["value"] for key, each in told.items()} == {
        "k": "v",
        "gone": None,
        "only-here": None,
        "l": [1, {"a": None}],
    }
    assert told["k"]["metadata"] == {
        "campaignId": "c1",
        "campaignName": "Campaign c1",
        "slug": None,
        "type": "ab",
        "variationGroupId": "vg1",
        "variationGroupName": "Group vg1",
        "variationId": "vg1-1",
        "variationName": "Variation 1",
        "reference": True,
    }
    hidden = json.loads(answers.flags(decision, expose_all_keys=False))
    assert list(hidden) == ["k", "l"]


def test_the_bucketing_document_is_what_came():
    """The document goes out as it came, unless the operator's panic differs from the file's."""
    came = document(*WORLD, extra={"kept": [1.0]})
    read = parse(came)
    assert answers.bucketing_document(read, came, panic=False) is came
    stopped = json.loads(answers.bucketing_document(read, came, panic=True))
    assert stopped == {**json.loads(came), "panic": True}
    panicking = b'{"panic":true}'
    assert answers.bucketing_document(parse(panicking), panicking, panic=True) is panicking


def test_the_account_settings_file():
    """Five settings, and troubleshooting only when it is set."""
    plain = json.loads(answers.account_settings(file()))["accountSettings"]
    assert plain == dict.fromkeys(
        ["enabledXPC", "enabled1V1T", "eaiCollectEnabled", "eaiActivationEnabled"], False
    )
    told = json.loads(answers.account_settings(file(accountSettings=SETTINGS)))
    assert told["accountSettings"] == {**plain, **SETTINGS}
