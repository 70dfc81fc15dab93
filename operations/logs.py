"""Keeping secrets out of logs, whatever a library puts into a message."""

import logging
import re

from django.conf import settings

_PATTERNS = (
    re.compile(r"(first-account/)[\w:.-]+"),
    re.compile(r"(smielfy_[\w-]{6})[\w-]{20,}"),
    re.compile(r"((?:__Host-)?(?:session|participant|csrftoken)=)[^;\s\"']+"),
    re.compile(r"(__Host-\w+[\"']: [\"'])[^\"']+"),
    re.compile(r"(\w+://[^:/\s]*:)[^@/\s]+(?=@)"),
    re.compile(
        r"((?:[Aa]uthorization|[Tt]oken|password|receipt)[\"']?[:=]\s*[\"']?(?:Token |Bearer )?)[^\s\"',}]+"
    ),
)


# What every record has; anything else came with `extra`, and the formatter prints it.
_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}


class SecretFilter(logging.Filter):
    """Blanks passwords in addresses, cookies, tokens, one-time links and the secret key."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit: say both, rather than break what was going on
            message = f"{record.msg} {record.args}"
            record.msg, record.args = message, None
        cleaned = redact(message)
        if cleaned != message:
            record.msg, record.args = cleaned, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name in record.__dict__.keys() - _STANDARD:
            # Django hands over the whole request, whose text is its path.
            text = str(getattr(record, name))
            if (cleaned := redact(text)) != text:
                setattr(record, name, cleaned)
        return True


def redact(text: str) -> str:
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1[redacted]", text)
    return text.replace(settings.SECRET_KEY, "[redacted]")
