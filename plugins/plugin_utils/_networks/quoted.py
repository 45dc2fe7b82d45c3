# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What is quoted of a log, which may hold anything, without the values that the inventory has for the agents' secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ...module_utils._hci.masking import Mask, MaskedLines
from ...module_utils._problems import Failure
from .._variables import as_json
from .host import variable_of
from .outcome import Ending
from .unasked import SECRETS, Sparing

Endings = Sequence[tuple[str, str, Ending]]
"""Network, branch, and how it ended."""


def without_secrets(endings: Endings, mask_of_agents: Callable[[], Mask]) -> Endings:
    """How they ended: only where something is quoted is there a need for the mask, and so for the secrets."""
    if not any(ending.problems or ending.log for _host, _branch, ending in endings):
        return endings
    mask = mask_of_agents()
    return [(host, branch, masked(ending, mask)) for host, branch, ending in endings]


def mask_of(agents: Iterable[str], hostvars: Any, loader: DataLoader) -> Mask:
    """Of the values that these agents should have, but for those of lookups, which are not asked again."""
    found = []
    for agent in agents:
        with suppress(AnsibleError, Failure):
            found += list(_values(as_json(variable_of(Sparing(agent, hostvars, loader), SECRETS), '')))
    return Mask(found)


def _values(secrets: Any) -> Iterator[Any]:
    for secret in secrets.values() if isinstance(secrets, Mapping) else ():
        if isinstance(secret, Mapping):
            yield secret.get('data')


def masked(ending: Ending, mask: Mask) -> Ending:
    """The same, with masks in what was found and in the log below its heading."""
    lines = MaskedLines(mask)
    log = [*ending.log[:1], *(line for each in ending.log[1:] for line in lines.take(each)), *lines.end()]
    problems = [replace(problem, found=mask(problem.found)) for problem in ending.problems]
    return replace(ending, problems=tuple(problems), log=tuple(log))
