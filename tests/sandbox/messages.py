# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and replies as values, and routes from one to the other."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from tests.sandbox.service import Service


class HTTPFailure(Exception):
    """A request that is refused: a status and a sentence for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A request whose body has been read.

    path: names in the route to their decoded values.
    token: the row of the bearer token; None without one.
    """

    service: Service
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    token: sqlite3.Row | None

    def json(self) -> dict[str, Any]:
        """The body's object; 400 when it is none."""
        try:
            document = json.loads(self.body)
        except ValueError as error:
            raise HTTPFailure(400, 'The body is not JSON: %s' % error) from error
        if not isinstance(document, dict):
            raise HTTPFailure(400, 'The body is not an object.')
        return document

    def integer(self, name: str) -> int | None:
        """A query parameter; 400 when it is no number."""
        text = self.query.get(name)
        if text is not None and not re.fullmatch(r'-?[0-9]+', text):
            raise HTTPFailure(400, 'Error parsing query parameter %s failed' % name)
        return None if text is None else int(text)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b''
    content_type: str = 'application/json;charset=utf-8'
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


Handle = Callable[[Request], Reply]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    handle: Handle
    public: bool


def route(method: str, template: str, handle: Handle, public: bool = False) -> Route:
    """A route of a template such as `/jobs/{jobId}`; each name is one segment of the encoded path."""
    return Route(method, re.compile(re.sub(r'\{(\w+)\}', r'(?P<\1>[^/]+)', template) + '/?'), handle, public)


def decoded(match: re.Match[str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in match.groupdict().items()}


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
