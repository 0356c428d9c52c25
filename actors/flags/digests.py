"""What is compared of a bucketing file: its own panic, and a short digest of each campaign.

The digest does not see white space or the order of members, so a file that was only formatted anew
touches no campaign. Campaigns that share an id share a digest. Rule: spec flags 10.3.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from actors.flags.bucketing import BucketingFile
from actors.flags.environment_words import Summary

DIGEST_BYTES = 6  # tells apart two versions of one campaign: chance decides once in 2**48


class _File(msgspec.Struct):
    campaigns: list[dict[str, object]] | None = None


_DECODER = msgspec.json.Decoder(_File)


def summary_of(file: BucketingFile, document: bytes) -> Summary:
    """The summary of a file that `bucketing.parse` accepted from that document."""
    texts: dict[str, bytes] = {}
    for each in _DECODER.decode(document).campaigns or ():
        text = msgspec.json.encode(each, order="sorted")
        id_ = str(each["id"])
        texts[id_] = texts.get(id_, b"") + text
    digests = {
        id_: blake2b(text, digest_size=DIGEST_BYTES).hexdigest() for id_, text in texts.items()
    }
    return Summary(panic=file.panic, campaigns=digests)
