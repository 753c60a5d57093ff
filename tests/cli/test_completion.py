"""`ipfs-core completion`: the scripts, asked in the shells that they are for."""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from ipfs_core import cli, multibase
from ipfs_core.cli import completion
from ipfs_core.cli.options import Command, Option
from ipfs_core.multicodec import CODECS
from ipfs_core.presets import PRESETS
from tests.cli.conftest import Call
from tests.cli.test_main import imported_by
from tests.command import ipfs_core, run

BASH = """
source ./script
words=("$@")
COMP_WORDS=("${words[@]}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="${words[*]}"
COMP_POINT=${#COMP_LINE}
[[ "$(complete -p ipfs-core)" =~ -F\\ ([^ ]+) ]]
"${BASH_REMATCH[1]}" ipfs-core
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script for bash, and files with names to complete."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    folder = tmp_path_factory.mktemp("bash")
    script = ipfs_core("completion", "bash")
    assert (script.code, script.err) == (0, b"")
    (folder / "script").write_bytes(script.out)
    (folder / "photos").mkdir()
    (folder / "photo list.txt").touch()
    return folder


def offered(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    code, out, err = run("bash", "--norc", "-c", BASH, "bash", "ipfs-core", *words, cwd=folder)
    assert (code, err) == (0, b"")
    return sorted(filter(None, out.decode().split("\n")))


def commands() -> list[Command]:
    found: list[Command] = []
    for name in cli.COMMANDS:
        there = vars(import_module(f"ipfs_core.cli.{name}"))
        group = there["GROUP"].commands.values() if "GROUP" in there else ()
        found += [item for item in there.values() if isinstance(item, Command)]
        found += [command for command, _ in group if command not in found]
    return found


def spellings(option: Option) -> set[str]:
    return {f"-{name}" if len(name) == 1 else f"--{name}" for name in (option.name, option.short) if name}


def test_bash_completes_the_commands(bash: Path) -> None:
    assert offered(bash, "") == sorted(cli.COMMANDS)
    assert offered(bash, "ci") == ["cid"]
    assert offered(bash, "--") == ["--help", "--version"]
    assert offered(bash, "nope") == []


def test_bash_completes_the_commands_below_a_command(bash: Path) -> None:
    assert offered(bash, "cid", "") == ["base32", "bases", "codecs", "format", "hashes", "inspect"]
    assert offered(bash, "cid", "b") == ["base32", "bases"]
    assert offered(bash, "cid", "-") == ["--help", "-h"]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_bash_completes_every_option_of_a_command(bash: Path, command: Command) -> None:
    expected = {name for group in command.options.values() for option in group for name in spellings(option)}
    words = command.name.split()
    assert set(offered(bash, *words, "-")) == expected
    longest = max(expected, key=len)
    assert longest in offered(bash, *words, longest[:-1])


def test_bash_completes_the_value_of_an_option(bash: Path) -> None:
    assert offered(bash, "add", "--profile", "") == sorted(PRESETS)
    assert offered(bash, "add", "--profile", "unixfs-v1") == ["unixfs-v1-2025"]
    assert offered(bash, "cid", "format", "--mc", "") == sorted(CODECS)
    assert offered(bash, "cid", "format", "-b", "base5") == ["base58btc", "base58flickr"]
    assert offered(bash, "add", "--cid-base", "base36") == ["base36", "base36upper"]
    assert offered(bash, "add", "--hash", "blak") == offered(bash, "add", "--hash", "blake")
    assert offered(bash, "completion", "") == sorted(completion.SHELLS)


def test_bash_completes_files_where_files_stand(bash: Path) -> None:
    assert offered(bash, "add", "photo") == ["photo list.txt", "photos"]
    assert offered(bash, "add", "-w", "photos", "scr") == ["script"]
    assert offered(bash, "add", "photos", "-o", "scr") == ["script"]
    assert offered(bash, "add", "photos", "--out") == ["--output"]
    assert offered(bash, "cid", "inspect", "photo") == []
    assert offered(bash, "publish", "photo") == ["photos"]
    assert offered(bash, "publish", "photos", "--to", "photo") == ["photo list.txt", "photos"]
    assert offered(bash, "result", "show", "scr") == ["script"]
    assert offered(bash, "publish", "photos", "--format", "") == ["cid", "json", "yaml"]


def test_a_flag_takes_no_value(bash: Path) -> None:
    assert offered(bash, "add", "--wrap-with-directory", "--quie") == ["--quiet", "--quieter"]
    assert offered(bash, "add", "--hidden", "photos") == ["photos"]


FISH = """
source ./script
complete --do-complete "$argv"
"""


def test_fish_completes_commands_options_and_values(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    (tmp_path / "script").write_bytes(ipfs_core("completion", "fish").out)

    def ask(line: str) -> set[str]:
        words = ["fish", "--no-config", "--command", FISH, line]
        code, out, err = run(*words, cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
        assert (code, err) == (0, b"")
        return {row.split("\t")[0] for row in out.decode().splitlines()}

    assert ask("ipfs-core ") >= set(cli.COMMANDS)
    assert ask("ipfs-core cid b") == {"base32", "bases"}
    assert ask("ipfs-core cid format --j") == {"--json"}
    assert ask("ipfs-core cid format -b base58") == {"base58btc", "base58flickr"}
    assert ask("ipfs-core add --profile unixfs-v1") == {"unixfs-v1-2025"}


@pytest.mark.parametrize(
    ("shell", "check"), [("bash", ["-n"]), ("zsh", ["-f", "-n"]), ("fish", ["-n"]), ("tcsh", ["-f", "-n"])]
)
def test_the_script_is_one_of_its_shell(tmp_path: Path, shell: str, check: list[str]) -> None:
    code, out, err = ipfs_core("completion", shell)
    assert (code, err) == (0, b"")
    assert out.endswith(b"\n")
    for name in cli.COMMANDS:
        assert name.encode() in out
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    (tmp_path / "script").write_bytes(out)
    assert run(shell, *check, "script", cwd=tmp_path, env={"HOME": str(tmp_path)}) == (0, b"", b"")


def test_every_value_belongs_to_an_option_or_an_argument() -> None:
    options = {option.name for item in commands() for group in item.options.values() for option in group}
    assert set(completion._VALUES) <= options | {item.argument for item in commands()}
    assert set(completion._VALUES["b"]) == set(multibase.BASES)


def test_the_tree_of_parsers_has_every_command() -> None:
    def names(parser: argparse.ArgumentParser, above: str = "") -> list[str]:
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not below:
            return [above]
        choices = below[0].choices.items()
        return [name for word, node in choices for name in names(node, f"{above} {word}".strip())]

    assert sorted(names(completion.parser())) == sorted(command.name for command in commands())


@pytest.mark.parametrize("words", [(), ("bash", "zsh"), ("powershell",), ("",), ("BASH",)])
def test_another_shell_is_wrong_usage(call: Call, words: tuple[str, ...]) -> None:
    code, out, err = call("completion", *words)
    assert (code, out) == (2, b"")
    assert err.startswith(b"Error: ")
    assert b"bash, zsh, fish, tcsh" in err


def test_help_says_where_the_script_goes(call: Call) -> None:
    code, out, err = call("completion", "--help")
    assert (code, err) == (0, b"")
    assert b"bash-completion/completions/ipfs-core" in out


def test_shtab_is_not_imported_before_it_is_needed(tmp_path: Path) -> None:
    script = "from ipfs_core.cli import main; assert main(['completion', '--help']) == 0"
    assert "shtab" not in imported_by(script, tmp_path)


def test_the_scripts_name_no_path_of_this_machine() -> None:
    for shell in completion.SHELLS:
        assert sys.prefix.encode() not in ipfs_core("completion", shell).out
