"""Golden files of every kind: its machines drawn, and one sample of each stored event, for ever."""

from __future__ import annotations

import golden
import pytest
from timeline_samples import (
    BOOKMARKED,
    MIGRATION_EVENTS,
    SETTINGS_EVENTS,
    TIMELINE_EVENTS,
    USER_EVENTS,
)

from actors import projects
from actors.flags import environment_words as environment
from actors.flags import visitor_events as visitor
from actors.flags.flag_values import CampaignFlags
from actors.flags.names import FetchReason, SdkStatus
from actors.flags.visitor_words import Fetch, Person, UnderWay
from actors.projects import Key, Live
from api.daemon import kinds_of
from api.domains import DOMAINS

KEY = Key(hash="ab" * 32, door="flags", kind="api_key", subject="env_1", label="web")
BEFORE = environment.Mark("", "", 0, False, 0)
CAMPAIGN = CampaignFlags(
    "c1", "vg1", "v1", "colours", "slug", "ab", "group", "red", True, {"colour": "red"}
)
PERSON = Person("bob", "ann", {"age": 31, "fs_users": "bob"}, (CAMPAIGN,))
SAMPLES = {
    "user": (*USER_EVENTS, BOOKMARKED),
    "timeline": TIMELINE_EVENTS,
    "timelines": SETTINGS_EVENTS,
    "migration": MIGRATION_EVENTS,
    "project": (
        projects.ItemDeclared(item="admin_keys", digest="cd" * 32, by="apply"),
        projects.LiveSet(live=Live(public=True, origins=("https://shop.example",))),
        projects.KeysReplaced(item="flags.env_1.keys", keys=(KEY,)),
        projects.KeyCreated(key=KEY, by="admin_1"),
        projects.KeyRevoked(hash="ab" * 32, by="admin_1"),
    ),
    "environment": (
        environment.Configured(settings=environment.Settings(require_key=True)),
        environment.BucketingChanged(
            hash="ef" * 32,
            etag='"ef"',
            last_modified_ms=1_700_000_000_000,
            bytes=488,
            panic=False,
            file_panic=False,
            campaigns=1,
            changed={"c1": "12"},
            removed=("c0",),
            before=BEFORE,
            who="ann",
            reverted_to=None,
        ),
        environment.PanicSet(
            on=True,
            panic=True,
            etag='"ef-panic"',
            last_modified_ms=1_700_000_001_000,
            before=BEFORE,
            who="ann",
        ),
        environment.SdkStatusChanged(status=SdkStatus.SDK_INITIALIZED),
        environment.BucketingPolled(
            status=200,
            hash="ef" * 32,
            last_modified="Mon, 01 Jan 2024 00:00:00 GMT",
            last_update="2024-01-01T00:00:00.000Z",
        ),
        environment.BucketingPollFailed(error="cdn.example answered 404"),
    ),
    "visitor": (
        visitor.Opened(consented=True, authenticated=True, person=PERSON),
        visitor.Opened(),
        visitor.ContextUpdated(changed={"age": 31, "vip": True, "plan": "gold"}, cleared=True),
        visitor.ContextUpdated(),
        visitor.Authenticated(visitor_id="bob", anonymous_id="ann"),
        visitor.Authenticated(),
        visitor.Unauthenticated(visitor_id="ann"),
        visitor.Unauthenticated(),
        visitor.ConsentSet(
            consented=True,
            authenticated=True,
            person=PERSON,
            status=Fetch.FETCHING,
            reason=FetchReason.UPDATE_CONTEXT,
            fetch=UnderWay("f1", 1_700_000_003_000),
        ),
        visitor.ConsentSet(),
        visitor.FetchStarted(fetch="f1", until_ms=1_700_000_003_000),
        visitor.Fetched(
            fetch="f1",
            at_ms=1_700_000_000_500,
            campaigns=(CAMPAIGN,),
            segments={"partner::segment": "loyal"},
            carries=True,
            late=True,
        ),
        visitor.Fetched(fetch="f1", at_ms=1_700_000_000_500),
        visitor.FetchPanicked(fetch="f1", at_ms=1_700_000_000_500),
        visitor.FetchFailed(fetch="f1", error="the fetch was cut off", late=True),
        visitor.ReadFromCache(campaigns=(CAMPAIGN,), late=True),
        visitor.ReadFromCache(),
        visitor.Exposed(
            exposed_visitor={"id": "bob", "anonymousId": "ann", "context": {"age": 31}},
            from_flag={"key": "colour", "value": "red", "defaultValue": None, "metadata": {}},
            digest="ab" * 12,
            at_ms=1_700_000_001_000,
            since_ms=1_699_999_998_500,
        ),
        visitor.HitsPooled(
            types=("SCREENVIEW", "SEGMENT"),
            digests=("ab" * 12, "cd" * 12),
            at_ms=1_700_000_001_000,
            since_ms=1_699_999_998_500,
            segment="ef" * 8,
        ),
        visitor.HitsPooled(types=("EVENT",), at_ms=1_700_000_001_000),
    ),
}
KINDS = kinds_of(DOMAINS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_golden_machines_are_current(kind):
    """If this fails, run `make golden`, look at the change, and commit it."""
    golden.check_machines(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_golden_events_stay_readable(kind):
    """Every stored event's form is kept; today's code still reads and folds all of them."""
    golden.check_events(kind, SAMPLES[kind.name])
