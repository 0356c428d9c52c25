"""The published Python SDK, doing what it is asked on its input (see talk.py).

The package has no setting for its addresses: four globals of one of its modules are set here, and
nothing else of it is touched.
"""

from __future__ import annotations

import os
from typing import Any

import talk
from flagship import Flagship, http_helper
from flagship.config import Bucketing, DecisionApi
from flagship.hits import Event, EventCategory, Item, Page, Screen, Transaction
from flagship.log_manager import LogLevel
from flagship.status_listener import StatusListener
from flagship.tracking_manager import TrackingManagerConfig
from flagship.visitor import Visitor

LOCAL = os.environ["FS_LOCAL"]
MODES = {"DECISION_API": DecisionApi, "BUCKETING": Bucketing}
visitors: dict[str, Visitor] = {}


def redirect() -> None:
    """Send what the SDK asks of its maker's hosts to the daemon under test."""
    http_helper.URL_DECISION_API = f"{LOCAL}/v2/"
    http_helper.URL_ACTIVATE = f"{LOCAL}/v2/activate"
    http_helper.URL_TRACKING = f"{LOCAL}/"
    http_helper.URL_BUCKETING = f"{LOCAL}/{{}}/bucketing.json"


class Listener(StatusListener):
    """Passes the SDK's status on."""

    def on_status_changed(self, new_status: Any) -> None:
        """The status changed."""
        talk.event("sdk", status=new_status.name)


def start(env: str, key: str, mode: str = "DECISION_API", **config: Any) -> str:
    """Start the SDK; hits leave every 200 ms."""
    tracking = TrackingManagerConfig(time_interval=200, timeout=2_000)
    Flagship.start(
        env,
        key,
        MODES[mode](
            log_level=LogLevel.NONE,
            status_listener=Listener(),
            tracking_manager_config=tracking,
            **config,
        ),
    )
    return str(Flagship.status().name)


def visitor(name: str = "visitor", visitor_id: str = "", **given: Any) -> dict[str, Any]:
    """Make a visitor."""
    made = Flagship.new_visitor(visitor_id, instance_type=Visitor.Instance.NEW_INSTANCE, **given)
    visitors[name] = made
    return identity(name)


def identity(name: str = "visitor") -> dict[str, Any]:
    """Who a visitor is now."""
    found = visitors[name]
    return {"visitorId": found.visitor_id, "anonymousId": found.anonymous_id}


def fetch(name: str = "visitor") -> str:
    """Fetch its flags."""
    visitors[name].fetch_flags()
    return str(Flagship.status().name)


def values(
    defaults: dict[str, Any], name: str = "visitor", exposed: bool = False
) -> dict[str, Any]:
    """Values by key, asked with those defaults."""
    found = {}
    for key, otherwise in defaults.items():
        flag = visitors[name].get_flag(key, otherwise)
        value, metadata = flag.value(exposed), flag.metadata()
        found[key] = {"value": value, "exists": flag.exists(), "metadata": vars(metadata)}
    return found


def assigned(name: str = "visitor") -> dict[str, list[str]]:
    """Which variation each flag of a visitor comes from."""
    return _assigned(visitors[name])


def _assigned(found: Visitor) -> dict[str, list[str]]:
    return {
        key: [each.campaign_id, each.variation_group_id, each.variation_id]
        for key, each in found._modifications.items()
    }


def survey(asked: list[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """The assignments of many visitors, each made and fetched in turn."""
    found = {}
    for each in asked:
        made = Flagship.new_visitor(
            each["visitorId"],
            instance_type=Visitor.Instance.NEW_INSTANCE,
            context=each["context"],
            consent=False,
        )
        made.fetch_flags()
        found[each["visitorId"]] = _assigned(made)
    return found


def authenticate(id: str, name: str = "visitor") -> dict[str, Any]:  # noqa: A002
    """Log the visitor in."""
    visitors[name].authenticate(id)
    return identity(name)


def unauthenticate(name: str = "visitor") -> dict[str, Any]:
    """Log the visitor out."""
    visitors[name].unauthenticate()
    return identity(name)


def consent(given: bool, name: str = "visitor") -> None:
    """Give or withdraw consent."""
    visitors[name].set_consent(given)


def hits(name: str = "visitor") -> None:
    """Send one hit of each kind."""
    for each in (
        Page("https://example.org/"),
        Screen("home"),
        Transaction("order-1", "sales").with_total_revenue(99.5).with_currency("EUR"),
        Item("order-1", "a lamp", "lamp-1").with_price(49.75).with_item_quantity(2),
        Event(EventCategory.ACTION_TRACKING, "click").with_event_value(3),
    ):
        visitors[name].send_hit(each)


if __name__ == "__main__":
    redirect()
    talk.serve(
        {
            "start": start,
            "status": lambda: Flagship.status().name,
            "visitor": visitor,
            "identity": identity,
            "fetch": fetch,
            "values": values,
            "assigned": assigned,
            "survey": survey,
            "authenticate": authenticate,
            "unauthenticate": unauthenticate,
            "consent": consent,
            "hits": hits,
        }
    )
