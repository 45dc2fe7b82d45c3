# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.outcome import (
    Done,
    Ending,
    blamed,
    ending_of,
    failures,
    is_effect_of,
    row,
    with_action,
)

BRANCHES = {'a': ['production'], 'b': ['production'], 'c': ['staging']}
COMMIT = '1' * 40
PUSHED = {'branches': [
    {'branch': 'production', 'previous': COMMIT, 'revision': COMMIT, 'pushed_to': 'production', 'files': [], 'changed': False},
]}
JOB = {'index': 7, 'url': 'https://ci.example/7', 'phase': 'Done', 'status': 'Failure', 'cancelled': False}


def job(*effects: tuple[str, str], **more: Any) -> dict[str, Any]:
    found = {**JOB, 'effects': [{'attribute': attribute, 'status': status} for attribute, status in effects], **more}
    problems = [{'what': 'The effect %s of job 7 failed.' % attribute, 'found': 'error: why %s' % attribute}
                for attribute, status in effects if status == 'Failed']
    return {'failed': True, 'msg': 'all of it', 'revision': COMMIT, 'job': found, 'jobs': [found], 'problems': problems}


def test_an_effect_that_fails_is_its_own_networks_failure() -> None:
    done = Done(pushed=PUSHED, watched={'production': job(('a.run', 'Failed'), ('b.run', 'Successful'))})
    assert ending_of('a', 'production', BRANCHES, done) == Ending(
        'failed', 'The effect a.run of job 7 failed.', (Problem('The effect a.run of job 7 failed.', found='error: why a.run'),),
        COMMIT, 7, 'https://ci.example/7')
    assert ending_of('b', 'production', BRANCHES, done) == Ending('deployed', '', (), COMMIT, 7, 'https://ci.example/7')


@pytest.mark.parametrize('effects, result, message', [
    ([('a.run', 'Successful')], 'deployed', ''),
    ([], 'skipped', 'Job 7 has no effect for it: look at what is declared on that branch.'),
    ([('b.run', 'Successful')], 'skipped', 'Job 7 has no effect for it: look at what is declared on that branch.'),
])
def test_a_job_that_did_something_else_is_no_deployment(effects: list[tuple[str, str]], result: str, message: str) -> None:
    """Such as that of a ci.nix that does not import the file with the effects, or not so that an agent looks inside."""
    watched = {**job(*effects, status='Success'), 'failed': False, 'problems': []}
    ending = ending_of('a', 'production', BRANCHES, Done(pushed=PUSHED, watched={'production': watched}))
    assert (ending.result, ending.message, ending.job) == (result, message, 7)
    # Where nobody waits for the others, as in check mode.
    watched['jobs'] = [*watched['jobs'], {**JOB, 'status': 'Pending', 'phase': 'Effects', 'effects': []}]
    ending = ending_of('a', 'production', BRANCHES, Done(pushed=PUSHED, watched={'production': watched}))
    assert ending.result == {'skipped': 'would deploy'}.get(result, result)


def test_a_name_that_ends_like_another_is_another() -> None:
    done = Done(pushed=PUSHED, watched={'production': job(('neat-a.run', 'Failed'), ('a.run', 'Failed'))})
    assert ending_of('a', 'production', BRANCHES, done).message == 'The effect a.run of job 7 failed.'


@pytest.mark.parametrize('watched, result, message', [
    (job(), 'failed', 'all of it'),
    (job(('a.run', 'DependencyFailed')), 'failed', 'all of it'),
    (job(('a.run', 'Cancelled')), 'cancelled', 'all of it'),
    (job(cancelled=True), 'cancelled', 'all of it'),
    (job(('a.run', 'Running'), phase='Effects'), 'timed out', 'all of it'),
    ({'failed': True, 'msg': 'no job', 'job': None, 'jobs': []}, 'failed', 'no job'),
    ({**job(('a.run', 'Successful'), status='Success'), 'failed': False}, 'deployed', ''),
    ({**job(status='Pending', phase='Building'), 'failed': False}, 'would deploy', ''),
    ({**job(), 'failed': False}, 'would deploy', ''),  # in check mode, with nixops_rerun_failed
    ({'job': None, 'jobs': []}, 'unchanged', ''),
])
def test_what_the_job_says(watched: dict[str, Any], result: str, message: str) -> None:
    ending = ending_of('a', 'production', BRANCHES, Done(pushed=PUSHED, watched={'production': watched}))
    assert (ending.result, ending.message) == (result, message)


def test_a_branch_with_another_file_is_not_called_deployed() -> None:
    """Where nothing is pushed, a job of the branch says nothing about what the inventory declares."""
    pushed = {'branches': [{**PUSHED['branches'][0], 'pushed_to': ''}]}
    assert ending_of('a', 'production', BRANCHES, Done(pushed=pushed)) == Ending(
        'skipped', 'The branch does not have what the inventory declares, and nixops_push is none.', commit=COMMIT)


def test_a_state_that_failed_stops_its_branch_and_no_other() -> None:
    done = Done(uploaded={'a': {'failed': True, 'msg': 'no database'}, 'b': {'changed': False}})
    assert ending_of('a', 'production', BRANCHES, done) == Ending('failed', 'no database', (Problem('no database'),))
    message = 'Blocked by a: the branch deploys it, and its state was not uploaded.'
    assert ending_of('b', 'production', BRANCHES, done) == Ending('skipped', message, blocked_by=('a',))
    assert ending_of('c', 'staging', BRANCHES, done).result == 'unchanged'


@pytest.mark.parametrize('state', ['failed', 'unreachable'])
def test_a_file_that_could_not_be_written_stops_all_networks_of_the_project(state: str) -> None:
    done = Done(rendered={state: True, 'msg': 'does not evaluate'})
    ended = [ending_of(name, BRANCHES[name][0], BRANCHES, done) for name in 'ab']
    assert ended == [Ending('failed', 'does not evaluate', (Problem('does not evaluate'),))] * 2


@pytest.mark.parametrize('entry, failed, expected', [
    ({'revision': None, 'changed': False, 'msg': 'No. Found: why'}, True, Ending('failed', 'No.', (Problem('No. Found: why'),))),
    ({'revision': None, 'changed': True}, False, Ending('would deploy')),
    ({'revision': COMMIT, 'changed': True}, False, Ending('pushed', commit=COMMIT)),
    ({'revision': COMMIT, 'changed': False}, True, Ending('unchanged', commit=COMMIT)),
    ({'revision': COMMIT, 'changed': True, 'pushed_to': 'nixops/production'}, False,
     Ending('pushed', 'Merge nixops/production into production to deploy it.', commit=COMMIT)),
    ({'revision': None, 'changed': True, 'pushed_to': 'nixops/production'}, False,
     Ending('would push', 'Then merge nixops/production into production to deploy it.')),
])
def test_what_the_push_says(entry: dict[str, Any], failed: bool, expected: Ending) -> None:
    pushed = {'failed': failed, 'msg': 'whole', 'branches': [{'branch': 'production', 'pushed_to': 'production', **entry}]}
    assert ending_of('a', 'production', BRANCHES, Done(pushed=pushed)) == expected


def test_a_file_that_was_only_written_is_said_to_be() -> None:
    def message(changed: bool, pushed: dict[str, Any]) -> str:
        return ending_of('a', 'production', BRANCHES, Done(rendered={'changed': changed, 'file': 'ci.nix'}, pushed=pushed)).message
    assert message(True, {}) == 'ci.nix has changed; a run with the tag push brings it to the branch.'
    assert message(False, {}) == message(True, PUSHED) == ''


def test_a_push_that_failed_altogether() -> None:
    ended = ending_of('a', 'production', BRANCHES, Done(pushed={'failed': True, 'msg': 'unreachable'}))
    assert ended == Ending('failed', 'unreachable', (Problem('unreachable'),))


@pytest.mark.parametrize('attribute, network, expected', [
    ('a.run', 'a', True), ('ab.run', 'a', False), ('effects."a.b"', 'a.b', True), ('effects."a.b"', 'a', False),
    (r'"a\"b".run', 'a"b', True),
])
def test_attribute_paths(attribute: str, network: str, expected: bool) -> None:
    assert is_effect_of(attribute, network) is expected


def test_what_was_only_tried_is_not_called_deployed() -> None:
    deployed, failed = Ending('deployed', commit=COMMIT, job=7), Ending('failed', 'It broke.')
    assert with_action(deployed, 'switch') == deployed
    assert with_action(failed, 'dry-run') == failed
    tried = with_action(deployed, 'dry-run')
    assert (tried.result, tried.commit, tried.job) == ('tried', COMMIT, 7)
    assert tried.message == 'nixops_action is dry-run, for later pushes to this branch, too, until it is switch again.'
    assert with_action(Ending('would deploy'), 'build') == Ending(
        'would try', 'nixops_action is build, for later pushes to this branch, too, until it is switch again.')


def test_failures_say_which_branch() -> None:
    endings = [('a', 'x', Ending('failed', 'short', (Problem('why'),))), ('a', 'y', Ending('timed out')), ('b', 'x', Ending('deployed'))]
    assert failures(endings) == {'a': 'x: why\ny: timed out'}


def test_what_is_the_same_for_several_networks_is_told_in_full_once() -> None:
    broken = Ending('failed', 'It does not evaluate.', (Problem('It does not evaluate.', 'x'), Problem('Nor does this.')))
    plain = Ending('failed', 'No job.', (Problem('No job.'),))
    assert failures([('a', 'x', broken), ('a', 'y', broken), ('b', 'x', broken), ('c', 'z', plain), ('d', 'z', plain)]) == {
        'a': 'x: %s\ny: %s' % (2 * ('1. It does not evaluate. Where: x.\n2. Nor does this.',)),
        'b': 'x: It does not evaluate. It is the same as for a, where all of it is told.',
        'c': 'z: No job.', 'd': 'z: No job.',
    }


def test_the_log_is_that_of_the_networks_own_effect_else_of_the_evaluation() -> None:
    watched = job(('a.run', 'Failed'), ('b.run', 'Failed'))
    watched['jobs'] = copy.deepcopy(watched['jobs'])  # where logs are not told again
    for effect in watched['job']['effects']:
        effect['log'] = ['from %s' % effect['attribute']]
    done = Done(pushed=PUSHED, watched={'production': watched})
    assert ending_of('a', 'production', BRANCHES, done).log == ('The effect a.run of job 7 wrote at the end:', '  from a.run')
    tidying_up = ['uploading state files after failure', 'pushing state successful.']
    watched['job']['effects'][0]['log'] = [*map(str, range(20)), *tidying_up]
    assert ending_of('a', 'production', BRANCHES, done).log[1:] == tuple('  %d' % line for line in range(17, 20))
    done = Done(pushed=PUSHED, watched={'production': job(evaluation_log=['error: oops'])})
    assert ending_of('a', 'production', BRANCHES, done).log == ('The evaluation of job 7 wrote at the end:', '  error: oops')


def test_problems_that_the_role_lets_pass_are_failures() -> None:
    """The tasks end well with them, so that their results are not printed: see failed_when in the role."""
    watched = {**job(('a.run', 'Failed')), 'failed': False}
    assert ending_of('a', 'production', BRANCHES, Done(pushed=PUSHED, watched={'production': watched})).result == 'failed'
    rendered = {'failed': False, 'msg': 'No Nix.', 'problems': [{'what': 'No Nix.'}]}
    assert ending_of('a', 'production', BRANCHES, Done(rendered=rendered)) == Ending('failed', 'No Nix.', (Problem('No Nix.'),))


REFUSED = {'severity': 'error', 'what': 'There is no state.', 'where': 'a, branch production'}
BROKEN = {'severity': 'error', 'what': 'A bracket is missing.', 'where': 'effect a: origin/production:network.nix'}


@pytest.mark.parametrize('done, because', [
    (Done(planned={'failed': True, 'networks': [{'network': 'a', 'branch': 'production', 'problems': [REFUSED]}]}),
     'the branch deploys it, too.'),
    (Done(planned={'failed': True, 'networks': [], 'broken': {'production': [BROKEN]}}), 'the branch deploys it, too.'),
    (Done(rendered={'failed': True, 'msg': 'all of it', 'problems': [BROKEN]}), 'one file declares them both.'),
    (Done(pushed=PUSHED, watched={'production': {**job(), 'problems': [
        {'what': 'The attribute a.prebuilt of job 7 could not be built.', 'where': JOB['url']}]}}), 'job 7 failed.'),
])
def test_what_another_network_is_to_blame_for(done: Done, because: str) -> None:
    """The other one tells why; where it is not part of the run, this one fails with it."""
    assert ending_of('a', 'production', BRANCHES, done).result == 'failed'
    ending = ending_of('b', 'production', BRANCHES, done)
    assert (ending.result, ending.message, ending.blocked_by) == ('skipped', 'Blocked by a: %s' % because, ('a',))
    assert blamed(ending, ['a', 'b']) == ending
    assert blamed(ending, ['b']).result == 'failed'
    assert row('p', 'b', 'production', ending)['problems'] == []
    assert len(row('p', 'b', 'production', blamed(ending, ['b']))['problems']) == 1
    assert failures([('b', 'production', blamed(ending, ['b']))])['b'].startswith('production: Blocked by a: ')


def test_a_job_that_failed_says_more_than_why_no_other_one_is_made() -> None:
    planned = {'failed': True, 'networks': [{'network': 'a', 'branch': 'production', 'problems': [REFUSED]}]}
    assert ending_of('a', 'production', BRANCHES, Done(planned=planned)).message == 'There is no state.'
    done = Done(planned=planned, watched={'production': job(('a.run', 'Failed'))})
    assert ending_of('a', 'production', BRANCHES, done).message == 'The effect a.run of job 7 failed.'


def test_a_plan_that_could_not_be_made_fails_all() -> None:
    problems = [{'what': 'Hercules CI did not answer.', 'where': 'https://ci.example'}]
    done = Done(planned={'failed': True, 'msg': 'all of it', 'problems': problems})
    for name in 'abc':
        ended = ending_of(name, BRANCHES[name][0], BRANCHES, done)
        assert (ended.result, ended.message) == ('failed', 'Hercules CI did not answer.')


@pytest.mark.parametrize('done', [
    Done(rendered={'failed': True, 'msg': 'm', 'problems': [{'what': 'The effect would never run.', 'where': 'somewhere'}]}),
    Done(planned={'failed': True, 'networks': [], 'broken': {'production': [{'what': 'It is broken.', 'where': 'production of origin'}]}}),
    Done(pushed=PUSHED, watched={'production': {**job(), 'problems': [{'what': 'The effect checks.run of job 7 failed.'}]}}),
])
def test_what_is_no_networks_fault_fails_all(done: Done) -> None:
    assert [ending_of(name, 'production', BRANCHES, done).result for name in 'ab'] == ['failed', 'failed']
