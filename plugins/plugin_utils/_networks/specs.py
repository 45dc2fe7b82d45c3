# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The role's argument specs: which variables there are, and which of them are options of modules."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

SPECS = Path(__file__).resolve().parents[3] / 'roles' / 'nixops' / 'meta' / 'argument_specs.yml'
PREFIX = 'nixops_'


@cache
def _entry_points() -> dict[str, Any]:
    """Read once, and by Ansible's loader, which takes a tenth of the time: each process that knows a network does this."""
    with open(SPECS, encoding='utf-8') as stream:
        found: dict[str, Any] = yaml_load(stream)['argument_specs']
    return found


def options_of(entry_point: str) -> dict[str, Any]:
    """The options of an entry point of the role."""
    options: dict[str, Any] = _entry_points()[entry_point]['options']
    return options


def variables_for(options: Iterable[str], entry_point: str, *beginnings: str) -> dict[str, str]:
    """The variables of an entry point for options of a module, by these options.

    A variable is called as its option, with one of these beginnings; where there are several, the first counts.
    """
    found = {}
    for option in options:
        names = [beginning + option for beginning in beginnings if beginning + option in options_of(entry_point)]
        if names:
            found[option] = names[0]
    return found
