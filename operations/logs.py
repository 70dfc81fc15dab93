"""Keeping secrets out of logs, whatever a library puts into a message."""

import logging
import re

from django.conf import settings

_PATTERNS = (
    re.compile(r"(first-account/)[\w:.-]+"),
    re.compile(r"((?:__Host-)?(?:session|participant|csrftoken)=)[^;\s\"']+"),
    re.compile(r"(\w+://[^:/\s]*:)[^@/\s]+(?=@)"),
    re.compile(
        r"((?:[Aa]uthorization|[Tt]oken|password|receipt)[\"']?[:=]\s*[\"']?(?:Token |Bearer )?)[^\s\"',}]+"
    ),
)


class SecretFilter(logging.Filter):
    """Blanks passwords in addresses, cookies, tokens, one-time links and the secret key."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        cleaned = redact(message)
        if cleaned != message:
            record.msg, record.args = cleaned, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
            record.exc_info = None
        return True


def redact(text: str) -> str:
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1[redacted]", text)
    return text.replace(settings.SECRET_KEY, "[redacted]")
