"""How the platform API reads JSON; not in `api_base`, because DRF imports its parsers while it defines its views."""

import json
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 32


class BoundedJSONParser(BaseParser):
    """JSON that cannot exhaust the stack or smuggle NaN: at most 32 levels deep, numbers finite, UTF-8."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read()
        if _depth(content) > MAX_DEPTH:
            raise ParseError(f"the JSON body is nested deeper than {MAX_DEPTH} levels")
        try:
            return json.loads(content.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError) as fault:
            raise ParseError(f"the body is not valid JSON: {fault}") from fault


def _depth(content: bytes) -> int:
    deepest = depth = 0
    inside = escaped = False
    for byte in content:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return deepest


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")
