"""The errors of the package, one small tree.

    IpfsCoreError
    ├── CidError (ValueError)            text or bytes that are no CID             .value
    ├── CodecError (ValueError)          a block its codec refuses                 .rule
    ├── ProfileError (ValueError)        a combination no profile may have         .field
    ├── SelectionError (ValueError)      arguments that cannot be added together   .name
    ├── CarError (ValueError)            framing: truncated, oversized, varint     .offset
    ├── SourceTypeError                  a fifo, socket or device in the tree      .path
    ├── SourceChangedError               the file changed while it was read        .path
    ├── LimitError                       a stated bound was reached                .limit
    └── MissingExtraError (ImportError)  an optional dependency is not installed   .extra

Everything about bad text or bytes is also a ``ValueError``. ``OSError`` is never wrapped. Each error
keeps its arguments positional, so that it pickles.
"""

from __future__ import annotations

__all__ = [
    "CarError",
    "CidError",
    "CodecError",
    "IpfsCoreError",
    "LimitError",
    "MissingExtraError",
    "ProfileError",
    "SelectionError",
    "SourceChangedError",
    "SourceTypeError",
]


class IpfsCoreError(Exception):
    """The root of every error this package raises itself."""

    def __init__(self, message: str, *details: object) -> None:
        super().__init__(message, *details)

    def __str__(self) -> str:
        return str(self.args[0])


class CidError(IpfsCoreError, ValueError):
    """Text or bytes that are no CID. ``value`` is what was given, cut to a readable length."""

    def __init__(self, message: str, value: str | bytes = "") -> None:
        super().__init__(message, value)
        self.value = value


class CodecError(IpfsCoreError, ValueError):
    """A block that its codec refuses. ``rule`` is a short stable name of the broken rule."""

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message, rule)
        self.rule = rule


class ProfileError(IpfsCoreError, ValueError):
    """A value, or a combination of values, that no profile may have."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message, field)
        self.field = field


class SelectionError(IpfsCoreError, ValueError):
    """Arguments that cannot be added together, such as two of one name."""

    def __init__(self, message: str, name: str | bytes = "") -> None:
        super().__init__(message, name)
        self.name = name


class CarError(IpfsCoreError, ValueError):
    """A CAR that is truncated, oversized or otherwise malformed at ``offset`` (bytes from the start)."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message, offset)
        self.offset = offset


class SourceTypeError(IpfsCoreError):
    """Something that is neither file, directory nor symlink: a fifo, a socket, a device."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.path = path


class SourceChangedError(IpfsCoreError):
    """An input changed between the moment it was opened and the end of reading it."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.path = path


class LimitError(IpfsCoreError):
    """A stated bound was reached. ``limit`` names it."""

    def __init__(self, message: str, limit: str = "") -> None:
        super().__init__(message, limit)
        self.limit = limit


class MissingExtraError(IpfsCoreError, ImportError):
    """An optional dependency is missing; ``extra`` is what ``pip install 'ipfs-core[EXTRA]'`` needs."""

    def __init__(self, message: str, extra: str = "") -> None:
        super().__init__(message, extra)
        self.extra = extra
