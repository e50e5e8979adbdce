"""Help, versions, wrong usage, errors, and what a listing must not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import facezoo
from facezoo.cli.app import app
from facezoo.errors import PluginError, WeightsError
from facezoo.plugins import Plugin, Plugins
from facezoo.specs import CommandSpec

COMMANDS = [*get_command(app).commands, "cache list", "cache remove"]  # pyright: ignore[reportAttributeAccessIssue]
HEAVY = ("torch", "numpy", "PIL", "cv2", "av", "pandas", "timm", "safetensors", "huggingface_hub")


def test_no_command_shows_what_to_do_next(cli) -> None:
    result = cli()
    assert result.exit_code == 0
    assert "facezoo demo" in result.stdout
    assert result.stdout.strip() == cli("--help").stdout.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(cli, command: str) -> None:
    result = cli(*command.split(), "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "<bool>" not in result.stdout and "list[" not in result.stdout
    if command != "cache":
        assert f"  facezoo {command}" in result.stdout.split("Example", 1)[1]
        assert all(option in result.stdout for option in ("--json", "--offline", "--quiet", "--traceback"))


def test_version(cli) -> None:
    assert cli("--version").stdout == f"facezoo {facezoo.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["detec"], ["detect", "--no-such-option"], ["detect"], ["info", "a", "b"], ["cache", "remove"]]
)
def test_wrong_usage_exits_with_2(cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    if arguments == ["detec"]:
        assert "detect" in result.stderr


def test_an_error_is_one_paragraph_on_standard_error(cli) -> None:
    result = cli("info", "cycle-face-nanoo")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "cycle-face-nano" in result.stderr


def test_traceback_only_when_asked_for(cli) -> None:
    assert "Traceback" not in cli("info", "nothing").stderr
    assert "Traceback" in cli("info", "nothing", "--traceback").stderr
    assert "Traceback" in cli("--traceback", "info", "nothing").stderr


def test_interruption_is_one_line_and_130(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facezoo.catalogue.list_models", interrupt)
    result = cli("list")
    assert result.exit_code == 130
    assert result.stderr.count("\n") == 1


def test_listings_import_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from facezoo.cli.app import app\n"
        "for line in ('--help', 'list', 'list --json', 'info cycle-face-nano', 'info frontalization', 'pipelines',\n"
        "             'plugins', 'cache list', 'train', 'run --help', 'detect --help', 'nonsense'):\n"
        "    try:\n"
        "        app(line.split(), prog_name='facezoo')\n"
        "    except SystemExit:\n"
        "        pass\n"
        f"    found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    if found:\n"
        "        sys.exit(f'{line} imports {found}')\n"
    )
    environment = {**os.environ, "FACEZOO_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_python_dash_m(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "facezoo", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("facezoo ")


@pytest.fixture
def with_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A plugin with a command ``greet`` in a module that leaves a trace when it is imported."""

    def install(target: str) -> Path:
        trace = tmp_path / "imported"
        (tmp_path / "greeting_plugin.py").write_text(
            f"open({str(trace)!r}, 'w').close()\n"
            "from facezoo.errors import PluginError, WeightsError\n"
            "def greet(name: str, loud: bool = False) -> None:\n"
            "    '''Says hello.'''\n"
            "    print('HELLO' if loud else 'hello', name)\n"
            "def fail() -> None:\n"
            "    raise WeightsError('no weights\\n for greetings')\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "greeting_plugin", raising=False)
        spec = CommandSpec(name="greet", target=target, summary="Greets", plugin="polite")
        found = Plugins((Plugin("polite", "greeting_plugin", "polite", "1.0", (spec,)),))
        monkeypatch.setattr("facezoo.cli.app.discover", lambda: found)
        return trace

    return install


def test_a_plugins_command_is_listed_without_being_imported(cli, with_command) -> None:
    trace = with_command("greeting_plugin:greet")
    listed = cli("--help").stdout
    assert "greet" in listed and "Greets" in listed and "polite" in listed
    assert not trace.exists()
    result = cli("greet", "you", "--loud")
    assert result.stdout == "HELLO you\n" and trace.exists()
    assert "Says hello" in cli("greet", "--help").stdout


def test_commands_of_one_name_are_told_apart_by_their_plugins(cli, with_command, monkeypatch: pytest.MonkeyPatch) -> None:
    with_command("greeting_plugin:greet")
    specs = [CommandSpec(name=n, target="greeting_plugin:greet", summary="Greets", plugin=p) for n, p in
             (("greet", "polite"), ("greet", "rude"), ("list", "rude"))]  # fmt: skip
    found = Plugins(tuple(Plugin(s.plugin, "greeting_plugin", s.plugin, "1.0", (s,)) for s in specs))
    monkeypatch.setattr("facezoo.cli.app.discover", lambda: found)
    assert all(name in cli("--help").stdout for name in ("polite:greet", "rude:greet", "rude:list"))
    assert cli("rude:greet", "you").stdout == "hello you\n"
    assert "cycle-face-nano" in cli("list").stdout
    assert cli("greet", "you").exit_code == 2


def test_a_plugins_failure_is_told_like_any_other(cli, with_command) -> None:
    with_command("greeting_plugin:fail")
    result = cli("greet")
    assert result.exit_code == 1 and result.stderr == "Error: no weights for greetings\n"


def test_a_plugins_broken_target_is_named(cli, with_command) -> None:
    with_command("greeting_plugin:missing")
    result = cli("greet")
    assert result.exit_code == 1 and "greeting_plugin" in result.stderr


def test_help_works_where_plugins_do_not(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise PluginError("FACEZOO_PLUGINS names nothing that is here")

    monkeypatch.setattr("facezoo.cli.app.discover", fail)
    monkeypatch.setattr("facezoo.catalogue.discover", fail)
    assert cli("--help").exit_code == 0
    assert "FACEZOO_PLUGINS" in cli("plugins").stderr


def test_messages_of_several_lines_become_one(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WeightsError("first line\n   second line")

    monkeypatch.setattr("facezoo.catalogue.list_models", fail)
    assert cli("list").stderr == "Error: first line second line\n"


def test_json_stays_json_with_remarks(cli) -> None:
    result = cli("list", "no-such-model", "--json")
    assert json.loads(result.stdout) == []
