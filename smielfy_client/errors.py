"""What can go wrong, each with what to do about it."""

from __future__ import annotations


class SmielfyError(Exception):
    """The base of all; its text says what happened and what to do."""


class Refused(SmielfyError):
    """The site said no: `status` and `code` are those of its answer (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class Unreachable(SmielfyError):
    """The site does not answer, or its certificate is not trusted."""


class ExportFailed(SmielfyError):
    """The site could not write the export, or has erased it meanwhile."""


class DownloadInterrupted(SmielfyError):
    """The line was cut too often, or the disk is full. What has come is kept: the same call goes on with it."""


class ChecksumMismatch(SmielfyError):
    """What came is not what the site has; it was removed."""


class TombstonesTooOld(SmielfyError):
    """Nobody may go on with a list of what was withdrawn that has not been looked at for 30 days."""


class NotAnExport(SmielfyError):
    """A file or folder in which no samples can be found."""
