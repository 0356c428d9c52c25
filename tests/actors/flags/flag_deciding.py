"""Shorthands of the tests that decide, and a store of kept assignments in miniature."""

from __future__ import annotations

from flag_files import campaign, file, group

from actors.flags.decision import Kept, KeptFor, Request, compile_file, decide, subjects

XPC = {"accountSettings": {"enabledXPC": True}}
ONE_TEST = {"accountSettings": {"enabled1V1T": True}}
HALVES = [50, 50]


TESTS = (campaign("first", group("f", HALVES)), campaign("second", group("s", HALVES)))


def server(*campaigns, **more):
    return compile_file(file(*campaigns, **more), "server")


def sdk(*campaigns, **more):
    return compile_file(file(*campaigns, **more), "sdk")


def chosen(compiled, request=None, kept=None):
    """The variation ids of a decision."""
    decision = decide(compiled, request or Request("visitor_1"), kept or KeptFor())
    return [each.variation.id for each in decision.choices]


class Cache:
    """Kept assignments as a store keeps them: the first writer wins, activation is added."""

    def __init__(self):
        self.kept = {}

    def ask(self, compiled, request):
        """Decide with what is kept, then keep what is new; the variation ids."""
        whose = subjects(compiled, request)
        seen = [dict(self.kept.get(each, {})) if each else {} for each in whose]
        decision = decide(compiled, request, KeptFor(*seen))
        for subject, group_id, variation_id, activated in decision.assignments:
            mine = self.kept.setdefault(subject, {})
            old = mine.get(group_id, Kept(variation_id))
            mine[group_id] = Kept(old.variation_id, old.activated or activated)
        return [each.variation.id for each in decision.choices]

    def activate(self, visitor_id, group_id, variation_id):
        self.kept.setdefault(visitor_id, {})[group_id] = Kept(variation_id, True)
