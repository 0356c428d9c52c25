"""Golden files of every kind: its machines drawn, and one sample of each stored event, for ever."""

from __future__ import annotations

import golden
import pytest

from actors import projects
from actors.flags import environment_words as environment
from actors.projects import Key, Live
from api.daemon import kinds_of
from api.domains import DOMAINS

KEY = Key(hash="ab" * 32, door="flags", kind="api_key", subject="env_1", label="web")
BEFORE = environment.Mark("", "", 0, False, 0)
SAMPLES = {
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
