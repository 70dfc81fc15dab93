"""Static files under names that carry their hash, also inside JavaScript modules."""

import os
from typing import Any

import brotli  # type: ignore[import-untyped]
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

_LARGE = 1024 * 1024


class OnceCompressor(Compressor):
    """Compresses what is new. A name with a hash in it never changes its content, and WebAssembly takes long."""

    def compress(self, path: str) -> list[str]:
        made = [path + suffix for suffix in (".br", ".gz") if os.path.exists(path + suffix)]
        if path + ".gz" in made:  # the last to be written
            return made
        return list(super().compress(path))

    def write_data(self, path: str, data: bytes, suffix: str, stat_result: os.stat_result) -> str:
        # Aside first, for a half-written file would be taken for a finished one the next time.
        aside = super().write_data(path, data, f"{suffix}.aside", stat_result)
        os.replace(aside, path + suffix)
        return path + suffix

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        # The last two steps of quality save an eighth of the WebAssembly and take ten times as long.
        return bytes(brotli.compress(data, quality=9 if len(data) > _LARGE else 11))


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True

    def create_compressor(self, **kwargs: Any) -> Compressor:
        return OnceCompressor(**kwargs)
