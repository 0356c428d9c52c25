"""The command line on data folders: what it says, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.auth import hash_key
from api.cli.commands import main
from api.cli.demo import EXAMPLES

KEY = "an-admin-key-of-tests"
PROJECT = f'project = "demo"\nadmin_keys = ["{KEY}"]\n'

pytestmark = pytest.mark.slow


def run(*arguments: str | Path, environ: dict[str, str | None] | None = None) -> Result:
    """Run one command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environ)


def said(*arguments: str | Path) -> str:
    """What a command that works prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def failed(*arguments: str | Path, code: int = 1) -> str:
    """The one line of a command that fails."""
    result = run(*arguments)
    assert result.exit_code == code
    assert "Traceback" not in result.output
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the project `demo`."""
    (tmp_path / "project.toml").write_text(PROJECT)
    said("apply", tmp_path / "project.toml", "--data", tmp_path / "data")
    return tmp_path / "data"


def test_apply_says_what_it_did_and_repeats_as_nothing(tmp_path: Path) -> None:
    """The first time things are applied, the second time there is nothing to do."""
    file = tmp_path / "project.toml"
    file.write_text(PROJECT)
    assert said("apply", file, "--data", tmp_path) == "demo: applied admin_keys\n"
    assert said("apply", file, "--data", tmp_path) == "demo: nothing to do; 1 unchanged\n"
    file.write_text(PROJECT + "[live]\npublic = true\n")
    assert said("apply", file, "--data", tmp_path) == "demo: applied live; 1 unchanged\n"
    file.write_text('project = "demo"\n')
    assert "no longer named, still in force: admin_keys, live" in said(
        "apply", file, "--data", tmp_path
    )


def test_apply_names_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    """A bad file changes nothing and is named with its line."""
    file = tmp_path / "project.toml"
    file.write_text('project = "demo"\n[lamp]\n')
    line = failed("apply", file, "--data", tmp_path / "data")
    assert line.startswith(f"{file}:2: unknown table 'lamp'")


def test_inspect_shows_an_actor(folder: Path) -> None:
    """Phase, version and state, as JSON; unknown kinds and actors are said."""
    shown = json.loads(said("inspect", "project", "demo", "--data", folder))
    assert (shown["kind"], shown["id"], shown["phase"]) == ("project", "demo", "declared")
    assert shown["version"] >= 1
    assert KEY not in json.dumps(shown)
    assert "there is no kind 'lamp'" in failed("inspect", "lamp", "x", "--data", folder)
    assert "there is no project 'x'" in failed("inspect", "project", "x", "--data", folder)


def test_machines_are_shown_in_every_form() -> None:
    """A list, and one machine as a table, as Mermaid, as JSON and as SVG."""
    assert "project (project): undeclared declared" in said("machines")
    assert said("machines", "project").startswith("| in phase | on |")
    assert said("machines", "project", "--format", "mermaid").startswith("stateDiagram-v2")
    assert json.loads(said("machines", "project", "--format", "json"))["initial"] == "undeclared"
    assert "<svg" in said("machines", "project", "--format", "svg")
    assert "there is no machine 'x'" in failed("machines", "x")


def test_a_backup_comes_back(folder: Path, tmp_path: Path) -> None:
    """Backup, restore elsewhere, check: sound, and the same project."""
    copy, other = tmp_path / "copy.db", tmp_path / "other"
    assert str(copy) in said("backup", copy, "--data", folder)
    assert "new epoch" in said("restore", copy, "--data", other)
    assert "0 problems_found" in said("check", "--data", other)
    assert json.loads(said("inspect", "project", "demo", "--data", other))["id"] == "demo"
    assert "exists" in failed("restore", copy, "--data", other)
    assert "new epoch" in said("restore", copy, "--data", other, "--force")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Commands that look at a folder make none."""
    for command in (("check",), ("backup", "copy.db"), ("inspect", "project", "x"), ("export",)):
        assert "there is no" in failed(*command, "--data", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_export_writes_rows_as_ndjson(folder: Path) -> None:
    """Every row is a JSON object that names its table; what stands for secrets stays out."""
    rows = [json.loads(line) for line in said("export", "--data", folder).splitlines()]
    assert {"actor", "fact"} <= {row["table"] for row in rows}
    (fact,) = (row for row in rows if row["table"] == "fact")
    assert (fact["version"], fact["kind"]) == (1, "project")
    (credential,) = (row for row in rows if row["table"] == "credential")
    hash_ = hash_key(KEY)
    assert (credential["id"], credential["kind"]) == (hash_[:8], "admin")
    assert hash_[:9] not in json.dumps(rows)
    assert said("export", "--data", folder, "--project", "demo").count("\n") == len(rows)
    assert "no project 'x'" in failed("export", "--data", folder, "--project", "x")


def test_config_check_judges_settings_machines_files_and_folder(folder: Path) -> None:
    """All is said in one line; what is wrong is named."""
    assert "machines of" in said("config", "check", "--data", folder)
    assert "still to be made" in said("config", "check", "--data", folder / "none")
    assert "there is no file" in failed("config", "check", "--apply", "none.toml")
    example = EXAMPLES / "demo.toml"
    assert "usable" in said("config", "check", "--data", folder, "--apply", example)
    (folder / "bad.toml").write_text("projekt = 1")
    assert "bad.toml:1" in failed("config", "check", "--apply", folder / "bad.toml")


def test_config_check_refuses_a_newer_folder(folder: Path) -> None:
    """A folder written by a newer version is not touched."""
    import sqlite3

    connection = sqlite3.connect(folder / "callboard.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "has version 999" in failed("config", "check", "--data", folder)


def test_config_show_masks_secrets(tmp_path: Path) -> None:
    """The settings in force, without the operator's key."""
    result = run("config", "show", environ={"CALLBOARD_OPERATOR_KEY": "operators-own-key"})
    assert result.exit_code == 0
    assert 'operator_key = "********"  # CALLBOARD_OPERATOR_KEY' in result.stdout
    assert "operators-own-key" not in result.output


def test_a_host_must_lead_to_a_door(tmp_path: Path) -> None:
    """Host names that lead nowhere stop the start."""
    file = tmp_path / "callboard.toml"
    file.write_text('[hosts]\n"a.example" = "lamp"\n')
    assert "there is no door 'lamp'" in failed("config", "check", "--config", file)


def test_usage_errors_end_with_two() -> None:
    """What cannot be meant ends with 2, what failed with 1."""
    assert failed("inspect", code=2)
    assert failed("machines", "--format", "xml", code=2)
    assert "say which daemon" in failed("keys", "list", code=2)
    assert "needs a key" in failed("keys", "--url", "http://127.0.0.1:1", "list", code=2)
    line = failed("keys", "--url", "http://127.0.0.1:1", "--key", KEY, "list")
    assert line == "nobody answers at http://127.0.0.1:1/v1/keys"


def test_the_example_is_a_project_file() -> None:
    """What the demo applies is read without complaint, bucketing file and all."""
    from api import project_file
    from api.domains import DOMAINS

    document = project_file.read(EXAMPLES / "demo.toml", DOMAINS, {})
    assert document["project"] == "demo"
    assert {domain.name for domain in DOMAINS} <= set(document)
