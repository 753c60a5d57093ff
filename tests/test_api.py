"""The public face: what it holds, what it costs to import, what its errors are."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ipfs_core
from ipfs_core import errors

HEAVY = {
    "argparse",
    "asyncio",
    "blake3",
    "concurrent",
    "cryptography",
    "ctypes",
    "dag_cbor",
    "dataclasses",
    "email",
    "google",
    "hashlib",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "mmh3",
    "multiformats",
    "numpy",
    "rich",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "typing_validation",
}
NEEDED_TO_ADD = {"dataclasses", "hashlib", "inspect", "threading", "mmh3"}  # inspect by dataclasses


def imported_by(program: str) -> set[str]:
    """The modules that a program imports beside those that Python starts with."""
    program = f"import sys; before = set(sys.modules)\n{program}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, check=True, text=True)
    return set(done.stdout.split())


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name in HEAVY or name.partition(".")[0] in HEAVY}


# --- names


def test_all_is_sorted_constants_then_classes_then_functions() -> None:
    def kind(name: str) -> int:
        return 0 if name.isupper() else 1 if name[0].isupper() else 2

    assert ipfs_core.__all__ == sorted(set(ipfs_core.__all__), key=lambda name: (kind(name), name))


def test_every_public_name_is_there_and_nothing_else_is_public() -> None:
    star: dict[str, Any] = {}
    exec("from ipfs_core import *", star)
    del star["__builtins__"]
    assert sorted(star) == sorted(ipfs_core.__all__)
    assert set(ipfs_core.__all__) <= set(dir(ipfs_core))
    assert dir(ipfs_core) == sorted(dir(ipfs_core))


def test_type_checkers_see_the_names_that_are_there() -> None:
    module = ast.parse(Path(ipfs_core.__file__).read_text())
    (guarded,) = [node for node in module.body if isinstance(node, ast.If)]
    assert ast.unparse(guarded.test) == "TYPE_CHECKING"
    homes = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert sorted(homes) == sorted(ipfs_core.__all__)
    for name, home in homes.items():
        assert getattr(ipfs_core, name) is getattr(sys.modules[str(home)], name)


@pytest.mark.parametrize("name", ["nope", "Add", "__path", "importer_"])
def test_what_is_not_public_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(ipfs_core, name)


def documented(thing: Any) -> bool:
    text = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return bool(text) and not text.startswith(f"{getattr(thing, '__name__', '')}(")  # dataclasses write that


@pytest.mark.parametrize("name", ipfs_core.__all__)
def test_every_public_name_is_documented_down_to_its_methods(name: str) -> None:
    thing = getattr(ipfs_core, name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        thing = type(thing) if isinstance(thing, ipfs_core.ImportProfile) else None  # a value or an alias
    if thing is None:
        return
    assert documented(thing)
    for attribute, member in vars(thing).items():
        is_own = inspect.isfunction(member) or isinstance(member, (property, classmethod, staticmethod))
        if is_own and not attribute.startswith("_"):
            assert documented(member), attribute


# --- cost


def test_the_package_alone_imports_nothing_but_itself() -> None:
    assert imported_by("import ipfs_core") <= {"ipfs_core", "__future__"}


def test_an_error_imports_nothing_that_costs_time() -> None:
    assert heavy(imported_by("import ipfs_core; ipfs_core.CarError")) == set()


@pytest.mark.parametrize("options", ["", "profile='unixfs-v1-2025', workers=1", "cid_version=1, wrap=True"])
def test_adding_imports_neither_libraries_nor_what_draws(options: str) -> None:
    modules = imported_by(f"import io, ipfs_core; ipfs_core.add_bytes(b'x', car=io.BytesIO(), {options})")
    assert heavy(modules) <= NEEDED_TO_ADD | {"tempfile"}
    assert not {"dag_cbor", "multiformats", "google", "rich", "argparse"} & heavy(modules)


# --- errors

CLASSES = [getattr(errors, name) for name in errors.__all__]
DETAILS = st.text() | st.binary() | st.integers() | st.none() | st.tuples(st.integers(), st.text(max_size=3))


@given(st.sampled_from(CLASSES), st.text(), st.none() | DETAILS)
def test_an_error_goes_through_pickle_and_copy_unchanged(
    kind: type[errors.IpfsCoreError], message: str, detail: Any
) -> None:
    arguments = (message,) if detail is None else (message, detail)
    error = kind(*arguments)
    assert str(error) == message
    assert error.args[: len(arguments)] == arguments
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert again.args == error.args
        assert str(again) == message
        assert vars(again) == vars(error)


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = re.findall(r"[├└]── (\w+)(?: \((\w+)\))? .*\.(\w+)$", errors.__doc__ or "", re.MULTILINE)
    assert sorted(name for name, _, _ in drawn) == sorted(set(errors.__all__) - {"IpfsCoreError"})
    for name, base, attribute in drawn:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.IpfsCoreError)
        assert hasattr(kind("message"), attribute)
        builtin = [parent.__name__ for parent in kind.__mro__ if parent.__module__ == "builtins"]
        assert builtin[0] == (base or "Exception")


def test_every_error_of_the_package_is_public() -> None:
    assert set(errors.__all__) <= set(ipfs_core.__all__)


def test_an_error_that_is_raised_carries_its_culprit() -> None:
    with pytest.raises(ipfs_core.ProfileError) as caught:
        ipfs_core.add_bytes(b"", chunker="nope")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.field, str(again)) == ("chunker", "unrecognized chunker option: nope")
