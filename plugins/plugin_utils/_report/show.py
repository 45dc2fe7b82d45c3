# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A report, printed as a table and written as a page."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible.constants import config
from ansible.utils.display import Display

from ...module_utils._files import read_if_present, real_path, write_atomically
from ...module_utils._problems import Failure
from .outcome import result_numbers, summary
from .page import html_page, same_but_for_time
from .reading import agents_of, keys_of, outcomes_of
from .table import text_table

COLORS = {'bad': 'COLOR_ERROR', 'open': 'COLOR_CHANGED', 'good': 'COLOR_OK'}


def show(networks: Any, agents: Any, keys: Any, path: str | None, *, dry: bool) -> dict[str, Any]:
    """Print the table and, without `dry`, write the page. The results of nixops_report. Raises Failure."""
    outcomes, known_agents, known_keys = outcomes_of(networks), agents_of(agents), keys_of(keys)
    lines = text_table(outcomes, Display().columns or 79)
    for text, tone in lines:
        Display().display(text, color=config.get_config_value(COLORS[tone]) if tone else None)
    result: dict[str, Any] = {'table': [text for text, _tone in lines], 'results': dict(result_numbers(outcomes))}
    if path:
        page = html_page(outcomes, known_agents, datetime.now(timezone.utc), known_keys)
        try:
            result.update(path=path, changed=write_page(path, page, dry=dry))
        except Failure as failure:
            raise Failure(failure.problems, {**failure.extra, **result}) from failure
    return {'msg': summary(outcomes), **result}


def write_page(path: str, page: str, *, dry: bool) -> bool:
    """Put `page` at `path`, where it may be read by everybody. Whether that was needed, or with `dry` would be."""
    target = real_path(path)
    before = read_if_present(target)
    if before is not None and same_but_for_time(before.decode('utf-8', 'replace'), page):
        return False
    if not dry:
        write_atomically(target, page.encode('utf-8'), mode=0o644)
    return True
