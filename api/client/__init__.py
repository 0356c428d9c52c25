"""Clients in Python. `open_live` is the live socket."""

from api.client.live import LiveClient, open_live
from api.client.updates import LiveClosed, Refused, Subscription, Update

__all__ = ["LiveClient", "LiveClosed", "Refused", "Subscription", "Update", "open_live"]
