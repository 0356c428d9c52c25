"""OpenFeature's published remote provider for Python, doing what it is asked (see talk.py)."""

from __future__ import annotations

from typing import Any

import talk
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

METHODS = {
    bool: "get_boolean_details",
    str: "get_string_details",
    int: "get_integer_details",
    float: "get_float_details",
    dict: "get_object_details",
    list: "get_object_details",
}


def start(url: str, key: str = "") -> None:
    """Set the provider."""
    headers = {"x-api-key": key} if key else {}
    api.set_provider(OFREPProvider(url, headers_factory=lambda: headers))


def evaluate(key: str, otherwise: Any, context: dict[str, Any] | None = None) -> dict[str, Any]:
    """Evaluate one flag; the type of the default names the method."""
    given = dict(context or {})
    who = EvaluationContext(given.pop("targetingKey", None), given)
    found = getattr(api.get_client(), METHODS[type(otherwise)])(key, otherwise, who)
    return {
        "value": found.value,
        "variant": found.variant,
        "reason": found.reason,
        "errorCode": found.error_code,
        "errorMessage": found.error_message,
        "flagMetadata": dict(found.flag_metadata),
    }


if __name__ == "__main__":
    talk.serve({"start": start, "evaluate": evaluate})
