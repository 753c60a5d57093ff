"""The errors of the package, one small tree.

    IpfsCoreError
    ├── CidError (ValueError)            text or bytes that are no CID             .value
    ├── CodecError (ValueError)          a block its codec refuses                 .rule
    ├── ProfileError (ValueError)        a combination no profile may have         .field
    ├── SelectionError (ValueError)      arguments that cannot be added together   .name
    ├── CarError (ValueError)            framing: truncated, oversized, varint     .offset
    ├── ArchiveError (ValueError)        a tar or zip that cannot be unpacked      .member
    ├── IntegrityError (ValueError)      bytes that do not hash to their CID       .cid .actual .offset
    ├── BlockNotFoundError (LookupError) a block that is linked and not there      .cid
    │   └── EntryNotFoundError (LookupError)  a path at which a CAR has nothing    .path
    ├── UnsafePathError                  a name that no safe tree can have         .name
    ├── SourceTypeError                  a fifo, socket or device in the tree      .path
    ├── SourceChangedError               the file changed while it was read        .path
    ├── LimitError                       a stated bound was reached                .limit
    ├── SpecError (ValueError)           a job or publisher that is not taken      .field
    ├── ResultError (ValueError)         a result of a job that is not as it ought .field
    ├── HandoverError                    a CAR that its target has not taken       .target
    ├── ExecutorError                    work that its executor has not done       .unit
    └── MissingExtraError (ImportError)  an optional dependency is not installed   .extra

Everything about bad text or bytes is also a ``ValueError``. ``OSError`` is never wrapped. Each error
keeps its arguments positional, so that it pickles.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "BlockNotFoundError",
    "CarError",
    "CidError",
    "CodecError",
    "EntryNotFoundError",
    "ExecutorError",
    "HandoverError",
    "IntegrityError",
    "IpfsCoreError",
    "LimitError",
    "MissingExtraError",
    "ProfileError",
    "ResultError",
    "SelectionError",
    "SourceChangedError",
    "SourceTypeError",
    "SpecError",
    "UnsafePathError",
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


class ArchiveError(IpfsCoreError, ValueError):
    """A tar or zip that is malformed, cut, or cannot be unpacked. ``member`` is the name it is about."""

    def __init__(self, message: str, member: bytes = b"") -> None:
        super().__init__(message, member)
        self.member = member


class IntegrityError(IpfsCoreError, ValueError):
    """A block that is not what its CID says: ``cid`` was expected, ``actual`` is what the bytes hash to.

    Both are binary. ``offset`` is where the block begins in the CAR, -1 where it does not come from one.
    """

    def __init__(self, message: str, cid: bytes = b"", actual: bytes = b"", offset: int = -1) -> None:
        super().__init__(message, cid, actual, offset)
        self.cid = cid
        self.actual = actual
        self.offset = offset


class BlockNotFoundError(IpfsCoreError, LookupError):
    """A block that something links to and that is not there. ``cid`` is binary."""

    def __init__(self, message: str, cid: bytes = b"") -> None:
        super().__init__(message, cid)
        self.cid = cid


class EntryNotFoundError(BlockNotFoundError):
    """A path at which a CAR has no entry. ``path`` is as it was given; ``cid`` is empty."""

    def __init__(self, message: str, path: str = "") -> None:
        IpfsCoreError.__init__(self, message, path)
        self.cid = b""
        self.path = path


class UnsafePathError(IpfsCoreError):
    """A name that no tree on a disk can have safely: twice in a directory, or leading out of it."""

    def __init__(self, message: str, name: bytes = b"") -> None:
        super().__init__(message, name)
        self.name = name


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


class SpecError(IpfsCoreError, ValueError):
    """A job, or a publisher, that is not taken. ``field`` names what in it."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message, field)
        self.field = field


class ResultError(IpfsCoreError, ValueError):
    """A result of a job that is not as it has to be: its folder, or what says where it is."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message, field)
        self.field = field


class HandoverError(IpfsCoreError):
    """A CAR that ``target`` has not taken; ``status`` is that of its HTTP answer, 0 without one."""

    def __init__(self, message: str, target: str = "", status: int = 0) -> None:
        super().__init__(message, target, status)
        self.target = target
        self.status = status


class ExecutorError(IpfsCoreError):
    """Work that an executor has not done: a worker died, a connection was lost, versions differ.

    ``unit`` says what work, where it is one unit of many.
    """

    def __init__(self, message: str, unit: str = "") -> None:
        super().__init__(message, unit)
        self.unit = unit


class MissingExtraError(IpfsCoreError, ImportError):
    """An optional dependency is missing; ``extra`` is what ``pip install 'ipfs-core[EXTRA]'`` needs."""

    def __init__(self, message: str, extra: str = "") -> None:
        super().__init__(message, extra)
        self.extra = extra
