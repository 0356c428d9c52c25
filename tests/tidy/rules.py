"""What linters cannot say, as functions: each returns its complaints about one text.

The tests beside this file run every rule over the tree, and over a planted bad sample: a rule that
cannot complain is none. Complaints read `line: what`, or only `what` where no line is meant.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "actors", "storage", "api")
SKIPPED = {"__pycache__", "node_modules"}

FILE_LINES_MAX = 300
TEST_LINES_MAX = 400  # cases stand in lists, and a list of cases is read quickly
FUNCTION_LINES_MAX = 45
STORY_LINES_MIN, STORY_LINES_MAX, STORY_FROM_LINES = 3, 14, 150
TIGHT = {"engine/actor.py": 225, "api/app.py": 200}
DOMAIN_WORDS = ("flags", "visitor", "campaign", "timeline", "broadcast", "story", "audience")
CALENDARS = ("datetime", "zoneinfo")
CALENDAR_FILE = "actors/timelines/times.py"  # the arithmetic of calendars, by the instant given
IMPURE = ("trio", "time", "random", *CALENDARS, "sqlite3", "quart", "httpx", "os", "socket")
ASKING_CLOCKS = ("now", "today", "utcnow")
LATER = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")
PLACES = ("/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/")


def files(*tops: str, ending: str = ".py") -> list[Path]:
    """Files below the given folders (or the whole project), hidden and foreign ones left out."""
    found = [path for top in tops or ("",) for path in (PROJECT / top).rglob(f"*{ending}")]
    return sorted(path for path in found if not _skipped(path.relative_to(PROJECT)))


def _skipped(path: Path) -> bool:
    return any(part in SKIPPED or part.startswith(".") for part in path.parts)


def name(path: Path) -> str:
    """A file's path inside the project, with slashes."""
    return path.relative_to(PROJECT).as_posix()


# --- size and story


def too_long(text: str, most: int = FILE_LINES_MAX) -> list[str]:
    """A file is read in one sitting."""
    lines = len(text.splitlines())
    return [f"{lines} lines, at most {most}"] if lines > most else []


def too_long_test(text: str) -> list[str]:
    """A file of tests may be a little longer."""
    return too_long(text, TEST_LINES_MAX)


def long_functions(text: str) -> list[str]:
    """A function fits on a screen."""
    return [
        f"{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
        for node in _functions(text)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def without_story(text: str) -> list[str]:
    """Every file opens with what it is for; a file of some size with more than a line."""
    if not text.strip():
        return []
    story = ast.get_docstring(ast.parse(text))
    if story is None:
        return ["no module docstring"]
    lines = [line for line in story.splitlines() if line.strip()]
    if len(lines) > STORY_LINES_MAX:
        return [f"the story has {len(lines)} lines, at most {STORY_LINES_MAX}"]
    if len(lines) < STORY_LINES_MIN and len(text.splitlines()) > STORY_FROM_LINES:
        return [f"a file of this size tells its story in {STORY_LINES_MIN} lines or more"]
    return []


# --- imports and words


def imports(text: str, banned: Collection[str]) -> list[str]:
    """Modules (or modules inside them) that must not be imported here."""
    found = []
    for node in ast.walk(ast.parse(text)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        found += [
            f"{node.lineno}: imports {module}"
            for module in modules
            if module.split(".")[0] in banned
        ]
    return found


def asked_clocks(text: str) -> list[str]:
    """Calls that read the machine's clock: an instant is handed in."""
    return [
        f"{node.lineno}: asks .{node.func.attr}()"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASKING_CLOCKS
    ]


def domain_words(text: str) -> list[str]:
    """The engine knows no domain: not in names, not in strings, not in comments."""
    pattern = re.compile(rf"(?<![a-z])({'|'.join(DOMAIN_WORDS)})s?(?![a-z])", re.IGNORECASE)
    return _lines_with(text, pattern, "speaks of")


def left_for_later(text: str) -> list[str]:
    """What is committed is finished."""
    return _lines_with(text, re.compile(rf"\b({'|'.join(LATER)})\b"), "leaves behind")


def machine_paths(text: str) -> list[str]:
    """The project works anywhere: no path of somebody's machine."""
    pattern = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, PLACES))})")
    return _lines_with(text, pattern, "names the place")


def _lines_with(text: str, pattern: re.Pattern[str], what: str) -> list[str]:
    return [
        f"{number}: {what} {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := pattern.search(line))
    ]


# --- documents


def dead_names(text: str, known: Collection[str]) -> list[str]:
    """A file that a document names in backticks exists; `room/name.py` must fit from the end."""
    names = re.findall(r"`([\w./-]+\.py)`", text)
    return [
        f"there is no {named}"
        for named in dict.fromkeys(names)
        if not any(path == named or path.endswith("/" + named) for path in known)
    ]


def silent_limits(text: str) -> list[str]:
    """Every limit gives its unit and reason in the string below it."""
    (limits,) = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]
    silent = []
    for node, below in zip(limits.body, [*limits.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = below.value if isinstance(below, ast.Expr) else None
            if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                silent.append(f"{node.lineno}: {node.target.id} says no reason")
    return silent


# --- tests


def silent_tests(text: str) -> list[str]:
    """Every test says in one sentence what it proves."""
    silent = []
    for node in _functions(text):
        if node.name.startswith("test"):
            sentence = (ast.get_docstring(node) or "").split("\n\n")[0].strip()
            if not sentence.endswith((".", "?", "!")):
                silent.append(f"{node.lineno}: {node.name} does not say what it proves")
    return silent


def sleeping(text: str) -> list[str]:
    """No test waits for wall time: `time.sleep` is nowhere, by whatever name."""
    found = []
    for node in ast.walk(ast.parse(text)):
        named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if named and (node.value.id, node.attr) == ("time", "sleep"):
            found.append(f"{node.lineno}: sleeps")
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: sleeps" for a in node.names if a.name == "sleep"]
    return found


def ledger_rows(text: str) -> set[str]:
    """Rows that the marks of a test file name."""
    return {
        argument.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "covers"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
