"""A secret as settings hold it: where it is, never what it is.

Settings are state, state becomes facts and backups, and neither may hold a key that we must present
to somebody else. So settings name an environment variable or a file, or hold a text that only the
data folder's key opens (engine spec 5.5). The doors' room reads it when it is needed.
"""

from __future__ import annotations

import msgspec


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`{"env": NAME}`, `{"file": PATH}` or `{"sealed": TEXT}`: exactly one, and not empty.

    Raises `ValueError` for anything else; decoding turns that into an error with the JSON path.
    """

    env: str | None = None
    file: str | None = None
    sealed: str | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.env, self.file, self.sealed) if one is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError("a secret has exactly one of env, file and sealed, and it says where")

    def __repr__(self) -> str:
        """Where it is; a sealed text is left out, since nobody can read it anyway."""
        if self.sealed is not None:
            return "Secret(sealed=...)"
        return (
            f"Secret(env={self.env!r})" if self.env is not None else f"Secret(file={self.file!r})"
        )
