"""The bucketing file: what is accepted, what is refused, and how a refusal names the place."""

from __future__ import annotations

import json

import pytest
from flag_files import campaign, document, file, group, rule

from actors.flags.bucketing import OPERATORS, BucketingInvalid, parse
from actors.flags.members import PROBLEMS_MAX


def refused(body: bytes) -> BucketingInvalid:
    with pytest.raises(BucketingInvalid) as caught:
        parse(body)
    return caught.value


def test_a_full_file_is_read():
    """Every member that decisions use arrives in the parsed file."""
    read = parse(
        document(
            campaign("c", group("g", [50, None], [rule("EQUALS", "age", 3)]), slug="s"),
            accountSettings={"enabledXPC": True, "enabled1V1T": True, "troubleshooting": {"a": 1}},
            generatedAt="2026-01-01",
        )
    )
    [one] = read.campaigns
    [vg] = one.groups
    assert (one.id, one.slug, one.type, one.bucket_ranges) == ("c", "s", "ab", ((0, 100),))
    assert (vg.targeting[0][0].operator, vg.targeting[0][0].target) == ("EQUALS", 3)
    assert [each.allocation for each in vg.variations] == [50, None]
    assert [each.reference for each in vg.variations] == [True, False]
    assert vg.variations[0].modifications == {"g-key": 1}
    assert (read.xpc, read.one_visitor_one_test, read.panic) == (True, True, False)
    assert read.account_settings.troubleshooting == {"a": 1}


def test_a_panic_file_may_be_just_that():
    """A file of one member, panic, is whole."""
    assert parse(b'{"panic":true}').panic
    assert not parse(b"{}").panic


def test_visitor_consolidation_means_xpc():
    """The older name of the switch works as the newer."""
    assert file(visitorConsolidation=True).xpc
    assert file(accountSettings={"enabledXPC": True}).xpc
    assert not file(accountSettings=None).xpc


def test_members_that_may_be_absent():
    """Settings, slug, names, references, allocations and ranges may be left out."""
    body = {
        "campaigns": [
            {
                "id": "c",
                "variationGroups": [
                    {"id": "g", "variations": [{"id": "v", "unheard-of": [1]}], "targeting": {}}
                ],
            }
        ]
    }
    [one] = parse(json.dumps(body).encode()).campaigns
    assert (one.slug, one.bucket_ranges, one.groups[0].targeting) == (None, (), ())
    assert one.groups[0].variations[0].allocation is None


def test_what_is_never_refused():
    """Odd sums, repeated ids, any JSON as a target and unknown members are all accepted."""
    odd = [rule("EQUALS", "k", {"a": [None]}, provider="optional", note=1)]
    read = file(campaign("c", group("g", [80, 80], odd)), campaign("c"), campaign("c"), extra={})
    assert len(read.campaigns) == 3
    assert read.campaigns[0].groups[0].targeting[0][0].provider == "optional"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"panic":NaN}', b"\xff", b'{"a":1}x', b'{"a":1e999}', b"[" * 20_000],
)
def test_malformed_json_is_refused_at_the_root(body):
    """What is no JSON, NaN and bottomless nesting included, is refused with path `$`."""
    error = refused(body)
    assert error.path == "$"
    assert error.reason


WRONG = [
    ([], "$", "expected an object, got list"),
    ({"panic": 1}, "$.panic", "expected a boolean, got number"),
    ({"accountSettings": 5}, "$.accountSettings", "expected an object, got number"),
    (
        {"accountSettings": {"enabled1V1T": "yes"}},
        "$.accountSettings.enabled1V1T",
        "expected a boolean, got string",
    ),
    ({"campaigns": {}}, "$.campaigns", "expected a list, got object"),
    ({"campaigns": [3]}, "$.campaigns[0]", "expected an object, got number"),
    ({"campaigns": [{}]}, "$.campaigns[0].id", "expected a string, got nothing"),
    (
        {"campaigns": [{"id": "c", "slug": True}]},
        "$.campaigns[0].slug",
        "expected a string, got boolean",
    ),
    (
        {"campaigns": [{"id": "c", "bucketRanges": [{"r": [1]}]}]},
        "$.campaigns[0].bucketRanges[0].r",
        "expected two numbers, got list",
    ),
    (
        {"campaigns": [{"id": "c", "bucketRanges": [{"r": [1, "2"]}]}]},
        "$.campaigns[0].bucketRanges[0].r[1]",
        "expected a number, got string",
    ),
]


@pytest.mark.parametrize(("body", "path", "reason"), WRONG)
def test_a_wrong_type_is_named_with_its_path(body, path, reason):
    """The first problem is one, not a cascade, and says where it is and what was expected."""
    error = refused(json.dumps(body).encode())
    assert error.problems == ((path, reason),)
    assert f"{path}: {reason}" in str(error)


def test_an_unknown_operator_refuses_the_file():
    """The path of a bad rule counts campaigns, groups, alternatives and rules."""
    bad = group("g2", [100], [rule("EQUALS", "a", 1)], [rule("EQUALS", "b", 1), rule("LIKE", "c")])
    error = refused(document(campaign("c", group("g1", [100]), bad)))
    assert error.path == (
        "$.campaigns[0].variationGroups[1].targeting.targetingGroups[1].targetings[1].operator"
    )
    assert error.reason == "unknown name `LIKE`"


def test_wrong_variations_and_modifications():
    """An allocation or modifications of a wrong type are found inside a group."""
    bad = group("g", ["50", 50], v2={"type": "FLAG", "value": [1]})
    error = refused(document(campaign("c", bad)))
    where = "$.campaigns[0].variationGroups[0].variations"
    assert error.problems == (
        (f"{where}[0].allocation", "expected a number, got string"),
        (f"{where}[1].modifications.value", "expected an object, got list"),
    )


def test_problems_are_collected_up_to_a_limit():
    """Many mistakes are told at once, but never more than twenty."""
    error = refused(json.dumps({"campaigns": [{"id": 1}] * 50}).encode())
    assert len(error.problems) == PROBLEMS_MAX
    assert error.problems[19].path == "$.campaigns[19].id"


def test_eighteen_operators_are_known():
    """Twelve operators and six of versions."""
    assert len(OPERATORS) == 18
    for name in OPERATORS:
        file(campaign("c", group("g", [100], [rule(name, "k", "v")])))
