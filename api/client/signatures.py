"""Signatures of webhooks, checked by whoever receives them.

Compare the body as it came, byte for byte, before anything decodes it: other spaces are another
body. Rules: spec timelines 7; ledger TL-140, TL-141.
"""

from __future__ import annotations

import hashlib
import hmac


def verify_signature(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` (the header `Fictioneers-Signature`) is that of `body`.

    `body` is the raw body of the request, `secret` the one shared with the sender. Takes the same
    time wherever two signatures differ, and is False for whatever is no signature.
    """
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))
