"""A Smielfy site, as a program sees it: versions, exports, and what has been withdrawn since."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from .download import Progress, download
from .errors import ChecksumMismatch, ExportFailed, Refused, SmielfyError, Unreachable
from .records import Export, Version
from .samples import Sample, samples
from .tombstones import Tombstones

_WAITING = ("waiting", "running")
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Smielfy:
    """A site, and a token for it.

    `url`: the site's address. `token`: made in its admin under *API tokens*; the list of what was withdrawn needs none.
    `ca`: the file of a certificate to trust, for a site whose own is self-signed. `cache`: the folder in which the list
    of what was withdrawn is kept. `patience`: seconds before the first new try of what failed; the next waits twice as
    long. Without arguments SMIELFY_URL, SMIELFY_TOKEN and SMIELFY_CA are asked.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        ca: str = "",
        cache: Path | None = None,
        patience: float = 1.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = (url or os.environ.get("SMIELFY_URL", "")).rstrip("/")
        parts = urlsplit(url)
        if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)):
            raise SmielfyError(
                f"{url or 'Nothing'} is no https address of a site: give one, or set SMIELFY_URL."
            )
        self.url = url
        self.patience = patience
        self._token = token or os.environ.get("SMIELFY_TOKEN", "")
        self._list = (cache or _cache_folder()) / f"tombstones-{parts.hostname}-{parts.port or 443}.csv"
        self._http = httpx.Client(
            base_url=url, verify=_trust(ca), timeout=60, transport=transport, follow_redirects=False
        )

    def __enter__(self) -> Smielfy:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- versions and exports

    def versions(self) -> list[Version]:
        """All data set versions, the newest first."""
        return [Version.of(facts) for facts in self._json("GET", "/api/v1/datasets/")]

    def exports(self, version: int) -> list[Export]:
        """A version's exports, the newest first."""
        return [Export.of(facts) for facts in self._json("GET", f"/api/v1/datasets/{version}/exports/")]

    def export(
        self,
        version: int,
        format: str = "imagefolder",
        *,
        release: bool = False,
        licence: str = "",
        citation: str = "",
    ) -> Export:
        """An export in this format: one that there is already, else a new one is asked for (managers alone may)."""
        known = [one for one in self.exports(version) if (one.format, one.release) == (format, release)]
        for states in (("ready",), _WAITING):
            for one in known:
                if one.state in states:
                    return one
        asked = {"format": format, "release": release, "licence": licence, "citation": citation}
        return Export.of(self._json("POST", f"/api/v1/datasets/{version}/exports/", json=asked))

    def wait(self, export: Export, progress: Progress | None = None) -> Export:
        """Look at an export until it is ready. `progress` is given photos written, and of how many.

        Raises ExportFailed.
        """
        while export.state in _WAITING:
            if progress:
                progress(*export.progress)
            time.sleep(self.patience)
            export = self._export(export.id)
        if export.state != "ready":
            why = export.error or "its time is over"
            raise ExportFailed(f"The export {export.name} is {export.state}: {why}. Ask for a new one.")
        return export

    def download(
        self,
        version: int,
        format: str = "imagefolder",
        folder: str | os.PathLike[str] = ".",
        *,
        release: bool = False,
        contact: str = "",
        accept_terms: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Put an export into a folder, whole and checked; returns its file. What is there already is not sent again.

        `release`: the one for others. Taking it along is recorded with `contact`, an e-mail address, and
        `accept_terms`: to identify nobody, and to look at the tombstones at least every 30 days and honour them.
        `progress` is given bytes that have come, and of how many. What was interrupted goes on where it stood.

        Raises Refused, Unreachable, ExportFailed, DownloadInterrupted, ChecksumMismatch.
        """
        export = self.wait(self.export(version, format, release=release))
        return self.fetch(export, folder, contact=contact, accept_terms=accept_terms, progress=progress)

    def fetch(
        self,
        export: Export,
        folder: str | os.PathLike[str] = ".",
        *,
        contact: str = "",
        accept_terms: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """`download` for an export that is known already."""
        said = {"contact": contact, "accept_terms": accept_terms}

        def link() -> str:
            return str(self._json("POST", f"/api/v1/exports/{export.id}/links/", json=said)["url"])

        def opened(link: str, headers: dict[str, str]) -> Any:
            # By the path alone, for behind a proxy the site may not know the name by which it is reached.
            return self._http.stream("GET", urlsplit(link).path, headers=headers, follow_redirects=True)

        while True:
            try:
                return download(
                    export,
                    Path(folder),
                    link=link,
                    opened=opened,
                    refusal=_refusal,
                    progress=progress,
                    patience=self.patience,
                )
            except (Refused, ChecksumMismatch):
                # Something was withdrawn meanwhile, and the site writes the file anew without it.
                now = self.wait(self._export(export.id))
                if now.sha256 == export.sha256:
                    raise
                export = now

    # --- what was withdrawn

    def tombstones(self, *, refresh: bool = True, allow_old: bool = False) -> Tombstones:
        """The list of what was withdrawn: refreshed, or, where the site cannot be reached, as it was kept.

        Raises TombstonesTooOld for one that was last looked at more than 30 days ago, unless `allow_old`; Unreachable
        where there is none.
        """
        kept = Tombstones.load(self._list)
        if refresh or kept is None:
            try:
                kept = self._refreshed(kept)
                kept.save(self._list)
            except Unreachable:
                if kept is None:
                    raise
        if not allow_old:
            kept.require_fresh()
        return kept

    @property
    def tombstones_file(self) -> Path:
        """Where the list is kept: `check_tombstones.py --list` takes it."""
        return self._list

    def samples(
        self, path: str | os.PathLike[str], *, split: str = "", allow_old: bool = False
    ) -> Iterator[Sample]:
        """The samples of a downloaded export, packed or unpacked, without what has been withdrawn; see `samples`."""
        return samples(path, self.tombstones(allow_old=allow_old), split=split, allow_old=allow_old)

    def _refreshed(self, kept: Tombstones | None) -> Tombstones:
        headers = {"If-None-Match": kept.etag} if kept is not None and kept.etag else {}
        now = datetime.now(timezone.utc)
        answer = self._ask("GET", "/api/v1/tombstones/", headers=headers)
        if answer.status_code == 304 and kept is not None:
            return Tombstones(kept.scopes, checked_at=now, etag=kept.etag)
        etag, page = answer.headers.get("ETag", ""), answer.json()
        scopes = {one["photo_id"]: one["scope"] for one in page["results"]}
        while page["next"]:
            cursor = parse_qs(urlsplit(page["next"]).query)["cursor"][0]
            page = self._ask("GET", "/api/v1/tombstones/", params={"cursor": cursor}).json()
            scopes |= {one["photo_id"]: one["scope"] for one in page["results"]}
        return Tombstones(scopes, checked_at=now, etag=etag)

    # --- requests

    def _export(self, export_id: str) -> Export:
        return Export.of(self._json("GET", f"/api/v1/exports/{export_id}/"))

    def _json(self, method: str, path: str, **asked: Any) -> Any:
        if not self._token:
            raise SmielfyError(
                "There is no token: make one in the site's admin, under API tokens, and set SMIELFY_TOKEN."
            )
        return self._ask(method, path, headers={"Authorization": f"Bearer {self._token}"}, **asked).json()

    def _ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """One request; repeated when the line fails a question, and when the site says that it is busy."""
        tries = 3
        while True:
            tries -= 1
            try:
                answer = self._http.request(method, path, **asked)
            except httpx.TransportError as error:
                if method == "GET" and tries and not _untrusted(error):
                    time.sleep(self.patience)
                    continue
                raise self._unreachable(error) from error
            if answer.status_code in (429, 503) and tries and "Retry-After" in answer.headers:
                time.sleep(min(float(answer.headers["Retry-After"]), 60))
                continue
            if answer.status_code not in (200, 201, 202, 304):
                raise _refusal(answer)
            return answer

    def _unreachable(self, error: Exception) -> Unreachable:
        if _untrusted(error):
            return Unreachable(
                f"The certificate of {self.url} is not trusted. If it is self-signed, copy tls/certificate.pem from the"
                " site's DATA_DIR in a way that you trust, and give that file (`--ca`, `ca=`, SMIELFY_CA)."
            )
        return Unreachable(
            f"{self.url} does not answer ({error}): look at the address and the line, and try again."
        )


def _untrusted(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _refusal(answer: httpx.Response) -> Refused:
    answer.read()
    try:
        said = answer.json()
        code, detail = str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unknown", f"{answer.url} answered {answer.status_code}: is it the address of a site?"
    if code == "permission_denied":
        detail += (
            " The token's owner needs the role researcher, and to ask for a new export the role manager."
        )
    errors = said.get("errors") if code == "validation_failed" else None
    return Refused(answer.status_code, code, f"{detail} {errors}" if errors else detail)


def _trust(ca: str) -> ssl.SSLContext:
    ca = ca or os.environ.get("SMIELFY_CA", "")
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise SmielfyError(f"{ca} is no certificate that can be read ({error}): give a PEM file.") from error
    if ca:
        # What a self-signed certificate of a site has is enough to know it again by.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smielfy"
