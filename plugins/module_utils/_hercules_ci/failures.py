# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Requests that failed: what is said about them, whether they may have had an effect, and when they are worth repeating."""

from __future__ import annotations

import email.utils
import http.client
import json
import random
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

from .._problems import Failure, Problem
from .credentials import LOGIN

LONGEST_PAUSE = 60.0
"""For how many seconds in all a server may ask to wait (Retry-After) before it counts as unavailable."""
HIDDEN = '********'


class Truncated(http.client.HTTPException):
    """Fewer bytes came than Content-Length had promised."""


class RequestFailed(Failure):
    """An answer other than success, or none.

    status: of the answer; None when there was none or when it broke off.
    arrived: whether the server may have acted upon the request.
    transient: whether the same request may well succeed a little later.
    retry_after: for how many seconds the server asks to wait, if it does.
    repeated: whether an earlier try of the same request may have been acted upon, and only its answer was lost.
    """

    repeated = False

    def __init__(
        self,
        problem: Problem,
        status: int | None = None,
        *,
        arrived: bool = True,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__((problem,), {} if status is None else {'status': status})
        self.status = status
        self.arrived = arrived
        self.transient = transient
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """Whether the service, or what stands in front of it, says no, and will say so again; an answer that makes no sense is no no."""
        return not self.transient and (self.status is None or self.status >= 300)

    @property
    def nobody(self) -> bool:
        """Whether there was nobody to act upon it."""
        return self.status is None and not self.arrived

    def pause(self, tried: int) -> float | None:
        """Seconds to wait after a number of tries: hci's own delays, or as the server asks; None when there is no point in waiting."""
        if not self.transient or (self.retry_after or 0.0) > LONGEST_PAUSE:
            return None
        return max(random.SystemRandom().uniform(0.05, 0.1) * float(2**tried), self.retry_after or 0.0)


def refused(
    request: str, base_url: str, *, token_source: str, status: int, headers: Mapping[str, str | None], body: bytes
) -> RequestFailed:
    """For an answer with a status other than success. request: method and URL."""
    remedies = {
        401: 'The token was taken from %s. %s' % (token_source, LOGIN),
        403: 'The token was taken from %s. Ask an owner of the account for access, or log in as somebody who has it' % token_source,
        404: 'Check the spelling, and on the pages of %s that the project exists and that you have access to it' % base_url,
        413: 'It is more than the service, or a proxy in front of it, takes. Ask who runs %s, or the proxy, for a higher limit' % base_url,
        407: 'Check the user and the password in http_proxy: it is the proxy that refuses',
        429: 'Hercules CI limits how often it may be asked: try again later, or with fewer hosts at a time',
    }
    location = _without_password((headers.get('Location') or '').partition('?')[0])  # what follows may be a signature
    if 300 <= status < 400 and location:
        remedy = 'Set api_base_url to the address that it redirects to: %s' % location
    else:
        remedy = remedies.get(status, 'Try again later. If it stays like this, tell the people who run %s' % base_url)
    what = 'Hercules CI answered %s.' % ('%d %s' % (status, http.client.responses.get(status, ''))).strip()
    return RequestFailed(
        Problem(what, request, found=_message(body), remedy=remedy),
        status,
        arrived=status < 300 or status == 408 or status >= 500,
        transient=status in (408, 429) or (status >= 500 and status not in (501, 505)),
        retry_after=_seconds(headers.get('Retry-After')),
    )


NO_TLS = ('WRONG_VERSION_NUMBER', 'HTTP_REQUEST', 'RECORD_LAYER_FAILURE', 'UNKNOWN_PROTOCOL')
"""What OpenSSL calls it when the other side answers with anything but TLS."""


def unanswered(request: str, base_url: str, error: Exception, token: str, proxy: str = '') -> RequestFailed:
    """For a connection that could not be made, that broke, or that fell silent.

    token: not to be shown, whoever has repeated it. proxy: host and port of the one that was asked in place of the service.
    """
    reason: Any = getattr(error, 'reason', error)
    found = _on_one_line(_without_password(str(reason).replace(token, HIDDEN)) or type(reason).__name__)
    if isinstance(reason, ssl.SSLCertVerificationError):
        remedy = 'Set ca_path to a file with the certificate of the authority that issued it'
        return RequestFailed(Problem('The certificate of Hercules CI is not valid.', request, found=found, remedy=remedy), arrived=False)
    if isinstance(reason, ssl.SSLError) and reason.reason in NO_TLS:
        remedy = 'Correct the port in api_base_url. With http://%s, everybody on the way could read the token'
        return RequestFailed(Problem('Hercules CI does not speak TLS at this address.', request, expected='a server that takes https',
                                     found='an answer without encryption, such as one of http',
                                     remedy=remedy % base_url.partition('://')[2]), arrived=False)
    unusable = isinstance(reason, ValueError)  # an address or an answer that makes no sense, now or later
    refused = isinstance(reason, (ConnectionRefusedError, socket.gaierror))
    if isinstance(reason, (Truncated, http.client.IncompleteRead)):
        what = 'The answer of Hercules CI broke off.'
    elif unusable:
        what = 'Hercules CI gave no usable answer.'
    elif refused and proxy:
        what = 'The proxy %s does not answer, so Hercules CI could not be asked.' % proxy
    else:
        what = 'Hercules CI did not answer.'
    remedy = 'Check api_base_url, the network between here and %s, and the proxy in the environment' % base_url
    if proxy:
        remedy = 'Check %s, the proxy in the environment (http_proxy, https_proxy), or have %s in no_proxy' % (proxy, base_url)
    return RequestFailed(Problem(what, request, found=found, remedy=remedy), arrived=not refused, transient=not unusable)


def _without_password(text: str) -> str:
    """The text without the users and passwords in its addresses, of which that of a proxy may hold some."""
    return re.sub(r'[^\s\'"]*@', HIDDEN + '@', text)


def misshapen(request: str, expected: str, found: str) -> RequestFailed:
    """For an answer that is something else than the API promises."""
    remedy = 'Check that api_base_url is the address of Hercules CI. If it is, the service has changed: look for a newer release'
    what = 'The answer of Hercules CI does not have the expected form.'
    return RequestFailed(Problem(what, request, expected, found, remedy), 200)


def _message(body: bytes) -> str:
    """What some endpoints say about an error, `{"errorTags": [], "message": ""}`, on one line."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ''
    message = content.get('message') if isinstance(content, dict) else None
    return _on_one_line(message) if isinstance(message, str) else ''


def _on_one_line(text: str) -> str:
    return ' '.join(text.split())[:300]


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After as a number, whether it is one or a date (RFC 9110, section 10.2.3); None for anything else."""
    text = (retry_after or '').strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
