"""Secrets: where they may be, how they are sealed, and that nothing shows them."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from actors.secrets import Secret
from api.seals import SECRET_BYTES_MAX, Seal, SecretMissing, reveal

HEADER = {"alg": "dir", "enc": "A256GCM"}
PLAIN = "s3cr3t-of-somebody"
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    """A seal whose key file is not there yet."""
    return Seal(tmp_path / "seal.key")


def missing(work: Callable[[], object]) -> str:
    """The sentence of the `SecretMissing` that `work` ends with; it quotes nothing."""
    with pytest.raises(SecretMissing) as failed:
        work()
    error = failed.value
    assert PLAIN not in "".join(traceback.format_exception(error)) + repr(error)
    assert error.__cause__ is error.__context__ is None
    return str(error)


# --- the setting


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('{"env":"NAME"}', Secret(env="NAME")),
        ('{"file":"key.txt"}', Secret(file="key.txt")),
        ('{"sealed":"a.b.c"}', Secret(sealed="a.b.c")),
    ],
)
def test_a_setting_says_where_the_secret_is(text: str, secret: Secret) -> None:
    """It is read and written with exactly what was given."""
    assert msgspec.json.decode(text, type=Secret) == secret
    assert msgspec.json.encode(secret).decode() == text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"env":""}',
        '{"env":null}',
        '{"env":"A","file":"b"}',
        '{"file":"","sealed":"c"}',
        '{"text":"plain"}',
        '{"env":"A","more":1}',
        '"plain"',
    ],
)
def test_a_setting_names_one_place(text: str) -> None:
    """None, two, empty ones and the secret itself are errors, with a path where they stand."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Secret)
    with pytest.raises(msgspec.ValidationError, match=r"at `\$\[1\]"):
        msgspec.json.decode(f'[{{"env":"A"}},{text}]', type=tuple[Secret, Secret])


def test_a_setting_shows_the_place() -> None:
    """Names are shown, sealed texts are not."""
    assert repr(Secret(env="NAME")) == "Secret(env='NAME')"
    assert f"{Secret(file='key.txt')}" == "Secret(file='key.txt')"
    assert str([Secret(sealed="a.b.c")]) == "[Secret(sealed=...)]"


# --- variables and files


def test_variables_are_read(seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    """From what is given or the process's own, without white space around."""
    assert reveal(Secret(env="KEY"), seal, {"KEY": f" {PLAIN}\n"}) == PLAIN
    monkeypatch.setenv("KEY", f"{PLAIN}ä")
    assert reveal(Secret(env="KEY"), seal) == f"{PLAIN}ä"


def test_files_are_read_anew(seal: Seal, tmp_path: Path) -> None:
    """Without white space around; a replaced file is seen."""
    file = tmp_path / "key.txt"
    for text in (PLAIN, f"{PLAIN}2"):
        file.write_text(f"{text}\n", encoding="utf-8")
        assert reveal(Secret(file=str(file)), seal) == text


def test_the_limit_itself_is_allowed(seal: Seal, tmp_path: Path) -> None:
    """A file of 64 kB is read."""
    file = tmp_path / "key.txt"
    file.write_bytes(b"x" * SECRET_BYTES_MAX)
    assert len(reveal(Secret(file=str(file)), seal)) == SECRET_BYTES_MAX


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "KEY is not set"),
        ({"KEY": ""}, "KEY is empty"),
        ({"KEY": " \n"}, "KEY is empty"),
        ({"KEY": PLAIN * 10_000}, "KEY holds more than 65536 bytes"),
        ({"KEY": f"{PLAIN}\udcff"}, "KEY is not UTF-8"),
    ],
)
def test_a_variable_without_a_secret(seal: Seal, environ: dict[str, str], words: str) -> None:
    """Unset, empty, too long or no text: a sentence that names the variable."""
    assert words in missing(lambda: reveal(Secret(env="KEY"), seal, environ))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (PLAIN.encode() * 10_000, "holds more than 65536 bytes"),
        (PLAIN.encode() + b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_without_a_secret(
    seal: Seal, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """Not there, empty, too long or no text: a sentence that names the file."""
    file = tmp_path / "key.txt"
    if content is not None:
        file.write_bytes(content)
    sentence = missing(lambda: reveal(Secret(file=str(file)), seal))
    assert str(file) in sentence
    assert words in sentence


def test_what_is_not_a_file(seal: Seal, tmp_path: Path) -> None:
    """A folder and a pipe are refused at once, and so is a name that can be none."""
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe"):
        assert "cannot be read" in missing(lambda name=name: reveal(Secret(file=str(name)), seal))
    assert "NUL" in missing(lambda: reveal(Secret(file="a\0b"), seal))


# --- sealing


def test_a_sealed_secret_opens(seal: Seal, tmp_path: Path) -> None:
    """Now and by the next process, with nothing of it in the sealed text."""
    sealed = seal.seal(PLAIN)
    assert PLAIN not in sealed
    assert sealed.count(".") == 4
    assert sealed != seal.seal(PLAIN)
    for one in (seal, Seal(tmp_path / "seal.key")):
        assert reveal(Secret(sealed=sealed), one, {}) == PLAIN


def test_the_key_file_is_made_once(seal: Seal, tmp_path: Path) -> None:
    """By the first sealing: 32 bytes, ours alone to read, and nothing beside it."""
    file = tmp_path / "seal.key"
    assert not file.exists()
    seal.seal(PLAIN)
    key = file.read_bytes()
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    Seal(file).seal(PLAIN)
    assert file.read_bytes() == key
    assert list(tmp_path.iterdir()) == [file]


def test_whoever_came_first_made_the_key(seal: Seal, tmp_path: Path, monkeypatch) -> None:
    """A key file that appears while ours is made stays, and is used."""
    file, link = tmp_path / "seal.key", os.link

    def link_late(source: str, target: Path) -> None:
        file.write_bytes(b"k" * 32)
        link(source, target)

    monkeypatch.setattr(os, "link", link_late)
    sealed = seal.seal(PLAIN)
    assert file.read_bytes() == b"k" * 32
    assert list(tmp_path.iterdir()) == [file]
    assert Seal(file).open(sealed) == PLAIN


def test_opening_makes_no_key(seal: Seal, tmp_path: Path) -> None:
    """Without the key file nothing opens, and a new one would not help."""
    assert "seal.key" in missing(lambda: seal.open("a.b.c.d.e"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 33])
def test_a_broken_key_file_is_said(seal: Seal, tmp_path: Path, content: bytes) -> None:
    """It is neither used nor replaced."""
    (tmp_path / "seal.key").write_bytes(content)
    assert "32 bytes" in missing(lambda: seal.open("a.b.c.d.e"))
    assert "32 bytes" in missing(lambda: seal.seal(PLAIN))
    assert (tmp_path / "seal.key").read_bytes() == content


def test_another_key_does_not_open(seal: Seal, tmp_path: Path) -> None:
    """A sealed text is worth nothing elsewhere."""
    other = Seal(tmp_path / "other.key")
    other.seal("something")
    assert "does not open" in missing(lambda: other.open(seal.seal(PLAIN)))


@pytest.mark.parametrize("size", [1, SECRET_BYTES_MAX])
def test_secrets_of_all_sizes(seal: Seal, size: int) -> None:
    """From one byte to 64 kB."""
    assert seal.open(seal.seal("x" * size)) == "x" * size


@pytest.mark.parametrize("text", ["", "x" * (SECRET_BYTES_MAX + 1), "ä" * SECRET_BYTES_MAX])
def test_what_is_no_secret_is_not_sealed(seal: Seal, tmp_path: Path, text: str) -> None:
    """Nothing and too much are the caller's error, and make no key."""
    with pytest.raises(ValueError, match="1 to 65536 bytes"):
        seal.seal(text)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, str]:
    """A seal and something it sealed."""
    seal = Seal(tmp_path_factory.mktemp("seal") / "seal.key")
    return seal, seal.seal(PLAIN)


@given(position=st.integers(0), letter=st.sampled_from("AQgwz09-_.=+/ é\0"))
def test_a_changed_text_does_not_open(sealed: tuple[Seal, str], position: int, letter: str) -> None:
    """One other letter anywhere is enough."""
    seal, text = sealed
    at = position % len(text)
    changed = text[:at] + letter + text[at + 1 :]
    if changed == text:
        assert seal.open(changed) == PLAIN
    else:
        assert "does not open" in missing(lambda: seal.open(changed))


HEADERS = ["{}", "[]", "1", "null", '"dir"', '{"alg":"dir"}', '{"alg":1,"enc":[]}', '{"alg":{}}']
HEADERS += ['["alg","enc"]', '"alg enc"', '{"alg":[],"enc":"A256GCM"}']
HEADERS += ['{"alg":"dir","enc":"A256GCM","crit":1}', '{"alg":"dir","enc":"A256GCM","kid":{}}']
OTHERS = ['{"alg":"A256KW","enc":"A256GCM"}', '{"alg":"dir","enc":"A256GCM","zip":"DEF"}']


@pytest.mark.parametrize("header", [*HEADERS, *OTHERS, '{"alg":"dir","enc":"A128CBC-HS256"}'])
def test_a_forged_header_does_not_open(sealed: tuple[Seal, str], header: str) -> None:
    """Whatever it claims to be sealed with: there is one way."""
    seal, text = sealed
    forged = msgspec.json.encode(header.encode()).decode().strip('"').rstrip("=")
    forged = forged.replace("+", "-").replace("/", "_")
    changed = f"{forged}.{text.partition('.')[2]}"
    assert "does not open" in missing(lambda: seal.open(changed))


@pytest.mark.parametrize(
    "header", [{"alg": "dir", "enc": "A128CBC-HS256"}, {**HEADER, "zip": "DEF"}, HEADER]
)
def test_there_is_one_way_to_seal(tmp_path: Path, header: dict[str, str]) -> None:
    """Even with the right key, another algorithm or a packed text is not opened."""
    key = bytes(range(32))
    (tmp_path / "seal.key").write_bytes(key)
    names = (*header.values(), "A256GCM")
    sealed = jwe.encrypt_compact(header, PLAIN, OctKey.import_key(key), algorithms=names)
    seal = Seal(tmp_path / "seal.key")
    if header is HEADER:
        assert seal.open(sealed) == PLAIN
    else:
        assert "does not open" in missing(lambda: seal.open(sealed))


@given(st.text())
def test_other_texts_do_not_open(sealed: tuple[Seal, str], text: str) -> None:
    """Anything else is an error in words, not a crash."""
    missing(lambda: sealed[0].open(text))
    missing(lambda: sealed[0].open(f"{text}.{text}.{text}.{text}.{text}"))


def test_nothing_shows_a_secret(seal: Seal, tmp_path: Path, caplog) -> None:
    """Neither the seal after use nor any log."""
    caplog.set_level(logging.DEBUG)
    assert seal.open(seal.seal(PLAIN)) == PLAIN
    assert repr(seal) == f"Seal('{tmp_path / 'seal.key'}')"
    assert PLAIN not in caplog.text


IMPORTS = """
import sys
from pathlib import Path
from api.seals import Seal
seal = Seal(Path(sys.argv[1]))
print("joserfc" in sys.modules, seal.open(seal.seal("plain")), "joserfc" in sys.modules)
"""


def test_a_start_does_not_read_the_library(tmp_path: Path) -> None:
    """It is imported by the first secret that is sealed or opened (in a Python of its own)."""
    command = [sys.executable, "-c", IMPORTS, str(tmp_path / "seal.key")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "plain", "True"]
