# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Misbehaviour to order: a queue of faults, each for the next matching requests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from tests.sandbox.messages import Reply
from tests.sandbox.store import Store

if TYPE_CHECKING:
    from tests.sandbox.web import Handler


class Disconnected(Exception):
    """The connection was dropped on purpose."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and for which requests.

    kind: a name in KINDS.
    method, path: regular expressions that must match the whole method and the whole path, without the query.
    skip: so many matching requests go well first.
    times: so many requests go wrong; -1 for all.
    options: what the kind takes besides.
    """

    kind: str
    method: str = '.*'
    path: str = '.*'
    skip: int = 0
    times: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError('There is no fault %s, only %s.' % (self.kind, ', '.join(KINDS)))
        for pattern in (self.method, self.path):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError('%r is no regular expression: %s.' % (pattern, error)) from error


class Faults:
    """The queue, kept in the store so that it outlives a restart and the command line can add to it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, fault: Fault) -> None:
        self._store.insert('fault', specification=json.dumps(asdict(fault)), skip=fault.skip, times=fault.times)

    def clear(self) -> None:
        self._store.all('DELETE FROM fault')

    def waiting(self) -> list[dict[str, Any]]:
        return [{**json.loads(row['specification']), 'skip': row['skip'], 'times': row['times']}
                for row in self._store.all('SELECT * FROM fault ORDER BY id')]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that applies to a request, which is thereby used up once."""
        if path.startswith('/sandbox/'):
            return None
        with self._store.transaction():
            for row in self._store.all('SELECT * FROM fault ORDER BY id'):
                fault = Fault(**json.loads(row['specification']))
                if not (re.fullmatch(fault.method, method) and re.fullmatch(fault.path, path)):
                    continue
                if row['skip'] > 0:
                    self._store.update('fault', row['id'], skip=row['skip'] - 1)
                    continue
                if row['times'] == 1:
                    self._store.all('DELETE FROM fault WHERE id = ?', row['id'])
                elif row['times'] > 1:
                    self._store.update('fault', row['id'], times=row['times'] - 1)
                return fault
        return None


def apply(fault: Fault | None, handler: Handler) -> None:
    """Answer a request, well or badly."""
    if fault is None:
        handler.send(handler.handle_request())
    else:
        KINDS[fault.kind](handler, dict(fault.options))


def _status(handler: Handler, options: dict[str, Any]) -> None:
    """Refuse with a status. Options: status (503), headers, body."""
    for _part in handler.body_parts():
        pass
    body = str(options.get('body', '')).encode()
    handler.send(Reply(options.get('status', 503), body, 'text/plain;charset=utf-8', options.get('headers', {})))


def _refuse(handler: Handler, options: dict[str, Any]) -> None:
    """Drop the connection, and refuse all others for a while. Options: seconds (1)."""
    handler.server.service.go_away(float(options.get('seconds', 1)))
    handler.reset()


def _reset(handler: Handler, _options: dict[str, Any]) -> None:
    """Drop the connection before reading the request's body."""
    handler.reset()


def _reset_in_request(handler: Handler, _options: dict[str, Any]) -> None:
    """Drop the connection after the first part of the request's body; nothing is stored."""
    next(handler.body_parts(), None)
    handler.reset()


def _reset_in_reply(handler: Handler, options: dict[str, Any]) -> None:
    """Drop the connection in the middle of the reply's body. Options: bytes to send before (half)."""
    _send_part(handler, options)
    handler.reset()


def _truncate(handler: Handler, options: dict[str, Any]) -> None:
    """Close the connection properly, but in the middle of the reply's body. Options: bytes to send before (half)."""
    _send_part(handler, options)
    raise Disconnected


def _send_part(handler: Handler, options: dict[str, Any]) -> None:
    reply = handler.handle_request()
    handler.close_connection = True
    handler.send_head(reply, len(reply.body))
    handler.wfile.write(reply.body[:options.get('bytes', len(reply.body) // 2)])


def _short_length(handler: Handler, options: dict[str, Any]) -> None:
    """Announce and send less than there is: the reply looks complete. Options: bytes (half)."""
    reply = handler.handle_request()
    size = options.get('bytes', len(reply.body) // 2)
    handler.send_head(reply, size)
    handler.wfile.write(reply.body[:size])


def _lost_answer(handler: Handler, _options: dict[str, Any]) -> None:
    """Do what was asked, then drop the connection instead of answering."""
    handler.handle_request()
    handler.reset()


def _garbage(handler: Handler, options: dict[str, Any]) -> None:
    """Answer with something that is not JSON. Options: body, status (200)."""
    handler.handle_request()
    handler.send(Reply(options.get('status', 200), str(options.get('body', '{"items": [')).encode()))


def _empty(handler: Handler, _options: dict[str, Any]) -> None:
    """Answer with status 204 and no body, as a proxy in between might."""
    handler.handle_request()
    handler.send_response(204)
    handler.end_headers()


def _slow(handler: Handler, options: dict[str, Any]) -> None:
    """Send the reply's body in pieces. Options: pieces (10), seconds for all of it (1), first: seconds before the reply (0).

    What the request asks for is done before; `service.holds_a_reply` says when.
    """
    reply = handler.handle_request()
    handler.server.service.holds_a_reply.set()
    time.sleep(options.get('first', 0))
    handler.send_head(reply, len(reply.body))
    pieces = options.get('pieces', 10)
    size = len(reply.body) // pieces + 1
    for start in range(0, len(reply.body), size):
        time.sleep(options.get('seconds', 1) / pieces)
        handler.wfile.write(reply.body[start:start + size])
        handler.wfile.flush()


def _lost_lock(handler: Handler, options: dict[str, Any]) -> None:
    """End all leases before handling the request; it then goes well. Options: name of the lock (all)."""
    store = handler.server.service.store
    store.all('DELETE FROM lease WHERE name LIKE ?', options.get('name', '%'))
    handler.send(handler.handle_request())


def _race(handler: Handler, options: dict[str, Any]) -> None:
    """Somebody else uploads a version of the same state file. Options: data, when (before or after; before)."""
    service = handler.server.service
    if options.get('when', 'before') == 'before':
        service.sneak_in(handler.path, str(options.get('data', '{}')).encode())
    reply = handler.handle_request()
    if options.get('when') == 'after':
        service.sneak_in(handler.path, str(options.get('data', '{}')).encode())
    handler.send(reply)


def _redirect(handler: Handler, options: dict[str, Any]) -> None:
    """Send the client elsewhere. Options: location, status (302)."""
    _status(handler, {'status': options.get('status', 302), 'headers': {'Location': options['location']}})


KINDS: dict[str, Callable[[Handler, dict[str, Any]], None]] = {
    'status': _status,
    'refuse': _refuse,
    'reset': _reset,
    'reset-in-request': _reset_in_request,
    'reset-in-reply': _reset_in_reply,
    'truncate': _truncate,
    'short-length': _short_length,
    'lost-answer': _lost_answer,
    'garbage': _garbage,
    'empty': _empty,
    'slow': _slow,
    'lost-lock': _lost_lock,
    'race': _race,
    'redirect': _redirect,
}
