# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables as somebody wrote them, in which Ansible takes text for templates."""

from __future__ import annotations

from typing import Any

try:
    from ansible.template import trust_as_template as trusted
except ImportError:  # ansible-core before 2.19
    def trusted(value: str) -> str:
        return value


def as_written(value: Any) -> Any:
    """The value with all text in it trusted."""
    if isinstance(value, dict):
        return {key: as_written(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_written(child) for child in value]
    return trusted(value) if isinstance(value, str) else value


class HostVars(dict[str, Any]):
    """As Ansible's own, which gives the variables of a host as they were written, too."""

    def raw_get(self, host: str) -> Any:
        return self[host]
