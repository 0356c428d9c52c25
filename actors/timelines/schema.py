"""The document's JSON Schema (2020-12), for editors and for the API's own description.

Made from the structs, so that it cannot say something else; added is what structs do not say: which
members of conditions and operations belong together. It judges the shape of each part. What parts
mean to each other, an id that is nowhere for example, only `publishing.py` judges.
Source: spec timelines 8.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from actors.timelines.document import ALIASES, STEP_MAX, Timeline
from actors.timelines.publishing import LINKS_MAX, MOST, forms
from actors.timelines.publishing.conditions import OPERATIONS_MAX

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
STATES = [*ALIASES.values(), *ALIASES]
"""Keys of content: states, and their older names."""
ADDED: dict[str, dict[str, Schema]] = {
    "Timeline": {name: {"maxItems": most} for name, most in MOST.items()}
    | {"title": {"pattern": "\\S"}},
    "Event": {"links": {"maxItems": LINKS_MAX}, "step": {"minimum": 0, "maximum": STEP_MAX}},
    "Link": {"do": {"maxItems": OPERATIONS_MAX}},
    "On": {state: {"maxItems": OPERATIONS_MAX} for state in ("ACTIVE", "VISITED")},
    "Beat": {
        "on_enter": {"maxItems": OPERATIONS_MAX},
        "start_step": {"minimum": 0, "maximum": STEP_MAX},
    },
    "Guard": {"before_step": {"minimum": 1, "maximum": STEP_MAX}},
    "Narrative": {"state_changes_content": {"propertyNames": {"enum": STATES}}},
    "Daily": {"days": {"minItems": 1}},
    "Count": {bound: {"minimum": 0} for bound in ("at_least", "at_most")},
    "CountOfAll": {"at_least": {"minimum": 0}},
}
"""By struct and member: what the checks ask beyond the type."""
SOURCES = re.compile(r" \((?:spec|ledger)[^)]*\)")


def _made() -> Schema:
    (root,), parts = msgspec.json.schema_components([Timeline], ref_template="#/$defs/{name}")
    parts["Condition"] |= {"oneOf": [_form(parts["Condition"], form) for form in forms.FORMS]}
    parts["Operation"] |= {"oneOf": [_with_value(), _set_now(), _toggle()]}
    for name, bounds in forms.BOUNDS.items():
        parts[name] |= {"anyOf": [_given(bound) for bound in bounds]}
    for name, members in ADDED.items():
        for member, added in members.items():
            parts[name]["properties"][member] |= added
    for part in parts.values():  # docstrings, without what is for us
        part["description"] = SOURCES.sub("", " ".join(part["description"].split()))
    whole = {"$schema": DIALECT, "title": "A timeline, to be published", **root, "$defs": parts}
    plain: Schema = msgspec.json.decode(msgspec.json.encode(whole))  # tuples become lists
    return plain


def _given(*names: str) -> Schema:
    """These members are there, and not null."""
    return {"required": list(names), "properties": {name: {"not": NULL} for name in names}}


def _form(condition: Schema, form: tuple[str, ...]) -> Schema:
    """The members of a form are there, all others are not; null is as good as absent."""
    others = [name for name in condition["properties"] if name not in form]
    given = _given(*form)
    return given | {"properties": given["properties"] | dict.fromkeys(others, NULL)}


def _with_value() -> Schema:
    given = _given("value")["properties"]
    properties = given | {"op": {"enum": list(forms.WITH_VALUE)}, "plus": NULL}
    return {"required": ["value"], "properties": properties}


def _set_now() -> Schema:
    return {"properties": {"op": {"const": "set_now"}, "value": NULL}}


def _toggle() -> Schema:
    return {"properties": {"op": {"const": "toggle"}, "value": NULL, "plus": NULL}}


SCHEMA: Schema = _made()
"""The schema as plain JSON values; its parts stand in `$defs` by the names of the structs."""
