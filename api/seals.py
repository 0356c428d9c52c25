"""Secrets that we must present ourselves: read where they are kept, or sealed with our own key.

A key that somebody else checks (an upstream's, a webhook's signing secret) cannot be kept as a
hash. Operators name an environment variable or a file; what comes over HTTP is sealed before it is
stored, so that facts, answers and backups of the database hold a text that is worth nothing without
the data folder's key file (engine spec 5.5). `api/sealed_text.py` writes and reads that text.

Errors name the place, never the secret, and carry no inner error that might quote it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG

from actors.secrets import Secret
from storage.folder import sync_folder

SECRET_BYTES_MAX = 64 * 1024
"""Of a secret: a private key with its chain is a tenth of that."""
KEY_BYTES = 32
"""AES with 256 bits."""


class SecretMissing(Exception):
    """The secret cannot be had; the sentence says where it was looked for."""


class Seal:
    """The key file `key_file`, made by the first `seal` (0600, 32 random bytes), and its use.

    One thread of one daemon at a time; the daemon that holds the data folder owns the file.
    """

    def __init__(self, key_file: Path) -> None:
        self._file = key_file
        self._key: bytes | None = None

    def __repr__(self) -> str:
        return f"Seal({str(self._file)!r})"

    @property
    def has_key(self) -> bool:
        """Whether anything could have been sealed here: the key file is there."""
        return self._key is not None or self._file.exists()

    def seal(self, text: str) -> str:
        """`text` as five base64url parts joined by dots, another one each time.

        Raises `ValueError` for an empty text or one beyond 64 kB, `SecretMissing` for a broken key
        file, `OSError` if the key file cannot be made.
        """
        plain = text.encode()
        if not 0 < len(plain) <= SECRET_BYTES_MAX:
            raise ValueError(f"a secret has 1 to {SECRET_BYTES_MAX} bytes")
        if self._key is None and not self._file.exists():
            _make_key(self._file)
        key = self._loaded()
        from api import sealed_text  # on first use: it costs a start half of a tenth of a second

        return sealed_text.sealed(plain, key)

    def open(self, text: str) -> str:
        """What was sealed. Raises `SecretMissing`: no key file, another key, or a changed text."""
        key = self._loaded()
        from api import sealed_text  # on first use, as in `seal`

        plain = sealed_text.opened(text, key)
        if plain is None:
            raise SecretMissing(f"the sealed secret does not open with the key in {self._file}")
        return plain.decode()

    def _loaded(self) -> bytes:
        if self._key is None:
            raw = _read(self._file, "the key file", KEY_BYTES)
            if len(raw) != KEY_BYTES:
                raise SecretMissing(f"the key file {self._file} does not hold {KEY_BYTES} bytes")
            self._key = raw
        return self._key


def reveal(secret: Secret, seal: Seal, environ: Mapping[str, str] | None = None) -> str:
    """The secret itself, without the white space around what a variable or a file holds.

    Read anew each time, so a file that was replaced is seen. `environ` is the process's own unless
    given. Raises `SecretMissing` if it is not there, empty, not UTF-8 or beyond 64 kB.
    """
    if secret.sealed is not None:
        return seal.open(secret.sealed)
    if secret.env is not None:
        place = f"the environment variable {secret.env}"
        text = (os.environ if environ is None else environ).get(secret.env)
        raw = None if text is None else os.fsencode(text)
    else:
        place = f"the file {secret.file}"
        raw = _read(Path(secret.file or ""), "the file", SECRET_BYTES_MAX)
    return _text(raw, place)


def _text(raw: bytes | None, place: str) -> str:
    if raw is None:
        raise SecretMissing(f"{place} is not set")
    if len(raw) > SECRET_BYTES_MAX:
        raise SecretMissing(f"{place} holds more than {SECRET_BYTES_MAX} bytes")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        text = None  # raised below: the inner error would quote the bytes
    if text is None:
        raise SecretMissing(f"{place} is not UTF-8")
    if not text:
        raise SecretMissing(f"{place} is empty")
    return text


def _read(path: Path, what: str, most: int) -> bytes:
    """A regular file, to one byte beyond `most`; a pipe would hold up everybody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(most + 1)
        reason = "it is not a regular file"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except ValueError:
        reason = "its name holds a NUL"
    raise SecretMissing(f"{what} {path} cannot be read: {reason}")


def _make_key(path: Path) -> None:
    """A new key, whole or not at all; somebody else's that came first stays."""
    descriptor, part = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # O_EXCL, 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(part, path)
        except FileExistsError:
            return
    finally:
        os.unlink(part)
    sync_folder(path.parent)
