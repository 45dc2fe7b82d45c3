# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Whether AWS knows a new key everywhere: it takes some seconds, differently long by service and region, and one success proves nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from ...module_utils._problems import fail
from ...module_utils._secrets.key_ids import shown
from .iam import REFUSED, AwsClient, NewKey, code_of, in_words

TIMES = 5
"""How often in a row each service of each region has to take it."""
PAUSE = 1.0
PATIENCE = 300.0
"""Seconds."""
KNOWN = REFUSED | {'DryRunOperation', 'OptInRequired'}
"""What is answered only to a key that is known. A request that is put off, as too much is asked, says nothing of the key."""


def wait_until_known(aws: AwsClient, key: NewKey, regions: Iterable[str]) -> None:
    """Ask STS and EC2 in each region with the key until all take it. Raises Failure if one does not."""
    until = time.monotonic() + PATIENCE
    missing = {place: (client, 0, '') for place, client in _clients(aws, key, sorted(set(regions) or {aws.region}))}
    while missing:
        for place, (client, times, _last) in list(missing.items()):
            refusal = _refusal(client, place[0])
            missing[place] = (client, 0 if refusal else times + 1, refusal)
            if missing[place][1] >= TIMES:
                del missing[place]
        if missing and time.monotonic() > until:
            raise fail(
                'AWS does not take the new key.', where=', '.join('%s in %s' % place for place in sorted(missing)),
                expected='%d successes in a row within %d seconds' % (TIMES, PATIENCE),
                found=', '.join(sorted({last for _client, _times, last in missing.values() if last})) or 'successes and refusals in turn',
                remedy='Nothing was lost: no agent has got the key %s, and the next run deletes it. Run this again' % shown(key.id),
            )
        if missing:
            aws.sleep(PAUSE)


def _clients(aws: AwsClient, key: NewKey, regions: Iterable[str]) -> Iterator[tuple[tuple[str, str], Any]]:
    with in_words('a client', 'the new key'):
        for region in regions:
            for service in ('sts', 'ec2'):
                yield (service, region), aws.client_with(key, service, region)


def _refusal(client: Any, service: str) -> str:
    """Why a service does not take the key; empty if it does, whatever it says about what the key may do."""
    try:
        if service == 'sts':
            client.get_caller_identity()
        else:
            client.describe_instances(DryRun=True)
    except client.exceptions.ClientError as error:
        code = code_of(error)
        return '' if code in KNOWN else code
    except Exception as error:  # a region that cannot be reached from here: its name says enough
        return type(error).__name__
    return ''
