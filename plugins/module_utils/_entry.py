# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How every module starts and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ._argspec import ArgumentSpec
from ._payload import take_token
from ._problems import Failure


def entry(spec: ArgumentSpec, run: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Make the module, run it, and say what came of it. `run` returns the result, or raises Failure."""
    module = AnsibleModule(supports_check_mode=True, **spec.arguments())
    if 'api_token' in spec.options:
        take_token(module)
    try:
        result = run(module)
    except Failure as failure:
        module.fail_json(**failure.result())
    module.exit_json(**result)
