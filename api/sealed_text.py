"""What a sealed secret is written as: a compact JWE, `dir` with `A256GCM` (engine spec 5.5).

Apart from `api/seals.py`, which imports this file when it first seals or opens: to read the library
takes longer than all else that a start does with secrets, and most daemons have none to open.
"""

from __future__ import annotations

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from api.seals import SECRET_BYTES_MAX

ALGORITHM, ENCRYPTION = "dir", "A256GCM"
HEADER = {"alg": ALGORITHM, "enc": ENCRYPTION}


class _Rules(jwe.JWERegistry):
    """The one way we seal in, and room for the largest secret in base64."""

    max_ciphertext_length = 2 * SECRET_BYTES_MAX


RULES = _Rules(algorithms=(ALGORITHM, ENCRYPTION))


def sealed(plain: bytes, key: bytes) -> str:
    """`plain` under a key of 32 bytes: five base64url parts joined by dots, others each time."""
    return jwe.encrypt_compact(dict(HEADER), plain, OctKey.import_key(key), registry=RULES)


def opened(text: str, key: bytes) -> bytes | None:
    """What was sealed; None for another key, or a text that is not ours or was changed."""
    try:
        return jwe.decrypt_compact(text, OctKey.import_key(key), registry=RULES).plaintext
    except (JoseError, ValueError, TypeError):
        return None  # parts that are no base64, no JSON, no object, or not ours
