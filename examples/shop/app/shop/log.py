"""Logs: one JSON object a line, to standard output, so that people and programs can both read them."""

from __future__ import annotations

import json
import logging
import os
import sys
import time


def start(program: str) -> logging.Logger:
    """The log of this program, from LOG_LEVEL upwards (debug, info, warning, error)."""
    level = os.environ.get("LOG_LEVEL", "info").upper()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Lines(program))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log = logging.getLogger("shop")
    if level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        log.setLevel(level)
    else:
        log.warning("LOG_LEVEL is unknown; using info", extra={"fields": {"level": level.lower()}})
    # Libraries have their say when something is wrong, not before.
    logging.getLogger().setLevel(logging.WARNING)
    # nats-py reports every failed attempt to reconnect with a traceback; we log that ourselves.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    return log


def fields(**values: object) -> dict:
    """For `extra`: what a line says besides its message."""
    return {"extra": {"fields": values}}


class Lines(logging.Formatter):
    def __init__(self, program: str):
        super().__init__()
        self.program = program

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "program": self.program,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
