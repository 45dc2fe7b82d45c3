# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job_info: filters, pages, and what is inside jobs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

LIST = '/site/github/account/neat-org/project/neat-repo/jobs?'
Info = Callable[..., dict[str, Any]]


@pytest.fixture
def info(run_module: Any, connection: dict[str, Any]) -> Info:
    main = importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.modules.hci_job_info').main
    return lambda check=False, **options: run_module(main, {**connection, **options}, check=check)


def test_all_filters_go_to_the_service(service: Any, answers: Any, info: Info) -> None:
    query = 'ref=refs%%2Fheads%%2Fa%%2Fb&rev=%s&handler=OnPush&name=x+y&success=false&limit=5' % answers.revision
    service.expect((LIST + query, answers.jobs(answers.job(41), answers.job(42))))
    result = info(branch='a/b', revision=answers.revision, handler='OnPush', name='x y', success=False, limit=5, check=True)
    assert [job['index'] for job in result['jobs']] == [42, 41]
    assert result['changed'] is False


def test_more_jobs_than_a_page_are_listed_up_to_the_limit(service: Any, answers: Any, info: Info) -> None:
    service.expect(
        (LIST + 'limit=50', answers.jobs(*[answers.job(index) for index in range(120, 70, -1)], more=True)),
        (LIST + 'limit=50&offsetId=' + answers.id(71), answers.jobs(*[answers.job(index) for index in range(70, 20, -1)], more=True)),
    )
    assert [job['index'] for job in info(limit=60)['jobs']] == list(range(120, 60, -1))


def test_the_newest_job_is_the_newest_in_whatever_order_they_come(service: Any, answers: Any, info: Info) -> None:
    first = LIST + 'limit=2'
    service.expect(
        (first, answers.jobs(answers.job(41), more=True)),
        ('%s&offsetId=%s' % (first, answers.id(41)), answers.jobs(answers.job(42), more=True)),
        ('%s&offsetId=%s' % (first, answers.id(42)), answers.jobs(answers.job(43))),
        (first, answers.jobs(answers.job(43), answers.job(42), more=True)),
    )
    assert [job['index'] for job in info(limit=1)['jobs']] == [43]
    assert [job['index'] for job in info(limit=1)['jobs']] == [43]


def test_a_service_that_repeats_a_page_does_not_keep_us_for_ever(service: Any, answers: Any, info: Info) -> None:
    page = answers.jobs(answers.job(41), answers.job(42), more=True)
    service.expect((LIST + 'limit=20', page), (LIST + 'limit=20&offsetId=' + answers.id(42), page))
    assert len(info()['jobs']) == 2


def test_a_list_without_an_end_is_given_up_with_a_sentence(service: Any, answers: Any, info: Info, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs.MOST_JOBS', 40)
    pages = [answers.jobs(*(answers.job(index) for index in range(start, start + 20)), more=True) for start in (20, 40, 60)]
    offsets = ['', '&offsetId=' + answers.id(39), '&offsetId=' + answers.id(59)]
    service.expect(*((LIST + 'limit=20' + offset, page) for offset, page in zip(offsets, pages)))
    result = info()
    assert result['failed']
    assert 'The list of jobs does not end.' in result['msg']
    assert '40 jobs, and more to come' in result['msg']
    assert 'To do: ' in result['msg']


def test_a_long_list_with_an_end_is_read(service: Any, answers: Any, info: Info, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs.MOST_JOBS', 40)
    pages = [answers.jobs(*(answers.job(index) for index in range(start, start + 20)), more=start < 40) for start in (20, 40)]
    service.expect((LIST + 'limit=20', pages[0]), (LIST + 'limit=20&offsetId=' + answers.id(39), pages[1]))
    assert [job['index'] for job in info()['jobs']] == list(range(59, 39, -1))


def test_a_job_is_found_by_the_number_in_its_address(service: Any, answers: Any, info: Info) -> None:
    path = '/jobs?site=github&account=neat-org&project=neat-repo&index=%d'
    service.expect((path % 42, [{'project': {}, 'jobs': [answers.job(42)]}]), (path % 43, []))
    assert [job['id'] for job in info(index=42)['jobs']] == [answers.id(42)]
    assert info(index=43)['jobs'] == []


def test_what_is_inside_is_asked_for_on_request(service: Any, answers: Any, info: Info) -> None:
    service.expect(
        (LIST + 'limit=20', answers.jobs(answers.job(43, 'Evaluating', 'Pending'), answers.job(42, 'Effects', 'Pending'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['a', 'run'], counts=(0, 0, 7))),
        ('/jobs/%s/effects/a.run' % answers.id(42), answers.waiting(41)),
    )
    evaluating, deploying = info(effects=True)['jobs']
    assert evaluating['effects'] == []
    assert deploying['builds'] == {'done': 7, 'all': 7}
    assert deploying['effects'][0]['waiting_for'] == ['https://ci.example.org/github/neat-org/neat-repo/jobs/41']


def test_a_missing_project_is_explained(service: Any, info: Info) -> None:
    service.expect((LIST + 'limit=20', 404))
    assert 'that you have access to it' in info()['msg']
