# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of nixops_report: what it prints, and when it writes."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_report
from ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_report import DOCUMENTATION
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import TONES, Outcome

NETWORKS = [{'network': 'neat-network', 'project': 'github/neat-org/neat-repo', 'branch': 'production', 'result': 'deployed'}]
Report = Callable[..., dict[str, Any]]


@pytest.fixture
def report(make_action: Report, printed: list[str]) -> Report:
    def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = make_action('nixops_report', options, check_mode=check_mode).run(task_vars={})
        return result

    return run


def test_the_table_is_printed_and_returned(report: Report, printed: list[str]) -> None:
    result = report(networks=NETWORKS)
    assert printed == result['table']
    assert printed[2].split() == ['neat-network', 'production', '–', '–', '–', 'deployed']
    assert (result['changed'], result['results'], result['msg']) == (False, {'deployed': 1}, '1 network: 1 deployed')


def test_the_page_is_written_once(report: Report, tmp_path: Path) -> None:
    page = tmp_path / 'page.html'
    assert report(networks=NETWORKS, path=str(page))['changed'] is True
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    before = page.stat()
    assert report(networks=NETWORKS, path=str(page))['changed'] is False
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_page_that_says_something_else_is_replaced(report: Report, tmp_path: Path) -> None:
    page = tmp_path / 'page.html'
    page.write_bytes(b'\xff')
    assert report(networks=NETWORKS, path=str(page))['changed'] is True
    assert report(networks=[{**NETWORKS[0], 'result': 'failed'}], path=str(page))['changed'] is True
    assert 'neat-network on production: failed' in page.read_text('utf-8')


def test_check_mode_predicts_and_writes_nothing(report: Report, printed: list[str], tmp_path: Path) -> None:
    page = tmp_path / 'page.html'
    assert report(check_mode=True, networks=NETWORKS, path=str(page))['changed'] is True
    assert printed and list(tmp_path.iterdir()) == []
    report(networks=NETWORKS, path=str(page))
    assert report(check_mode=True, networks=NETWORKS, path=str(page))['changed'] is False


def test_where_the_page_cannot_be_written_the_table_is_printed_all_the_same(report: Report, printed: list[str], tmp_path: Path) -> None:
    result = report(networks=NETWORKS, path=str(tmp_path / 'missing' / 'page.html'))
    assert result['failed'] is True and str(tmp_path) in result['msg']
    assert printed[-1] == '1 network: 1 deployed'


def test_what_does_not_belong_in_a_report_fails_it_unseen(report: Report, printed: list[str]) -> None:
    result = report(networks=NETWORKS, agents={'agent-1': {'neat-aws': {'data': {'key': 'hunter2'}}}})
    assert result['failed'] is True and 'hunter2' not in str(result)
    assert printed == []


def test_the_documentation_has_the_options_that_are_read() -> None:
    options = yaml.safe_load(DOCUMENTATION)['options']
    assert set(options) == set(nixops_report.ActionModule.SPEC.options)
    assert set(options['networks']['suboptions']) == set(Outcome.__dataclass_fields__)
    assert options['networks']['suboptions']['result']['choices'] == list(TONES)
