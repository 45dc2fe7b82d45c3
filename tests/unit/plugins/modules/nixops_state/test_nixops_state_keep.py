# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on the server is not kept, replaced or hidden where machines would be made anew or forgotten by that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import elsewhere

from tests.sandbox.in_process import Sandbox

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'
UUID = 'cccccccc-1700-11e7-8000-000000000003'
OTHER_UUID = 'eeeeeeee-1700-11e7-8000-000000000005'


def writes(sandbox: Sandbox) -> list[str]:
    return [call.method for call in sandbox.service.calls if call.method != 'GET']


def downloads(sandbox: Sandbox) -> list[str]:
    return [call.url for call in sandbox.service.calls if call.method == 'GET' and '/data' in call.url]


def renamed(content: bytes, uuid: str = OTHER_UUID) -> bytes:
    """The same machines in a deployment with another UUID."""
    (deployment,) = json.loads(content).values()
    return json.dumps({uuid: deployment}).encode()


@pytest.fixture
def export_file(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / 'export.json'
        path.write_bytes(content)
        return str(path)

    return write


@pytest.mark.parametrize('check', [True, False])
@pytest.mark.parametrize(
    ('changes', 'found'),
    [
        ({'app1': None}, 'app1: only here'),
        ({'kp': None}, 'kp: only here'),
        ({'app1': {'vmId': 'i-0123'}}, 'app1: another one'),
        ({'app1': {'vmId': None}}, 'app1: another one'),
        ({'app1': {'type': 'gce'}}, 'app1: another one'),
        ({'net': {'vpcId': 'vpc-9'}}, 'net: another one'),
        ({'app1': None, 'new': {'vmId': 'i-1'}}, 'app1: only here'),
    ],
)
def test_what_is_here_alone_stops_the_run(
    changes: dict[str, Any], found: str, check: bool, state: Run, sandbox: Sandbox, other: Callable[..., bytes]
) -> None:
    sandbox.put_state(PROJECT, NAME, other(**changes))
    result = state(check=check, diff=True)
    assert result['failed']
    assert result['problems'][0]['found'] == found
    assert 'nixops_state: present' in result['msg']
    assert 'existing=replace with replaced_version=1' in result['msg']
    assert result['differences']
    assert 'i-0' not in result['msg']
    assert not writes(sandbox)
    assert state(existing='replace', replaced_version=1)['action'] == 'replaced'


@pytest.mark.parametrize('check', [True, False])
def test_the_state_of_another_deployment_stops_the_run(check: bool, state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.put_state(PROJECT, NAME, renamed(aws_prod))
    result = state(check=check)
    assert 'of another deployment' in result['msg']
    assert result['problems'][0]['found'] == OTHER_UUID
    assert UUID in result['problems'][0]['expected']
    assert 'replaced_version=2' in result['msg']
    assert not writes(sandbox)


@pytest.mark.parametrize('form', ['hex', 'none'])
def test_an_older_version_has_no_news(
    form: str,
    state: Run,
    sandbox: Sandbox,
    make_job: Callable[..., int],
    other: Callable[..., bytes],
    aws_prod: bytes,
    warned: list[str],
) -> None:
    """The usual case: uploaded once, and deployed by Hercules CI since, which has also removed a machine."""
    sandbox.settings(sha256=form, size=form == 'hex')
    sandbox.put_state(PROJECT, NAME, aws_prod)
    make_job('Done', stores=other(app1=None, web9={'vmId': 'i-9'}))
    result = state()
    assert (result['changed'], result['action'], result['version'], result['same_as']) == (False, 'kept', 2, 1 if form == 'hex' else None)
    assert not warned
    if form == 'hex':
        assert not downloads(sandbox)
        assert result['differences'] == [{'deployment': '', 'resource': None, 'change': 'newer on the server', 'attributes': []}]


@pytest.mark.parametrize('position', [0, 1, 2, None])
def test_without_hashes_the_version_from_here_is_looked_for_among_all(
    position: int | None, state: Run, sandbox: Sandbox, make_job: Callable[..., int], other: Callable[..., bytes], aws_prod: bytes,
) -> None:
    """From the newest of the older ones on. position: of the version that has what is here."""
    sandbox.settings(sha256='none', size=False)
    for number in range(3):
        sandbox.put_state(PROJECT, NAME, aws_prod if number == position else other(app1={'publicIpv4': '192.0.2.%d' % number}))
    make_job('Done', stores=other(app1=None))
    result = state()
    looked_at = [int(url.rpartition('=')[2]) for url in downloads(sandbox)]
    if position is None:
        assert 'no older version of it had that' in result['msg']
        assert looked_at == [4, 3, 2, 1]
    else:
        assert (result['changed'], result['action']) == (False, 'kept')
        assert looked_at == [4, 3, 2, 1][:4 - position]
    assert not writes(sandbox)


def test_an_older_version_is_no_excuse_for_what_somebody_put_by_hand(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.put_state(PROJECT, NAME, b'')
    assert 'is empty' in state()['msg']
    sandbox.put_state(PROJECT, NAME, b'Traceback')
    assert 'not an export' in state()['msg']


def test_a_machine_that_was_removed_by_hand_is_no_news(state: Run, sandbox: Sandbox, aws_prod: bytes, other: Callable[..., bytes]) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.put_state(PROJECT, NAME, other(app1=None))
    assert state()['action'] == 'kept'


def test_what_is_kept_is_told_in_words(state: Run, sandbox: Sandbox, other: Callable[..., bytes]) -> None:
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    result = state(diff=True)
    assert result['action'] == 'kept'
    assert result['diff'][0]['prepared'].startswith('%s, version 1 is kept.' % NAME)
    assert 'app1: publicIpv4' in result['diff'][0]['prepared']


def test_a_machine_that_is_not_made_yet_is_no_news(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], export_file: Callable[[bytes], str]
) -> None:
    sandbox.put_state(PROJECT, NAME, other())
    here = export_file(other(app1={'vmId': None}))
    assert state(export_file=here)['action'] == 'kept'


def test_a_database_is_not_kept_for_the_function_that_imports_exports(
    state: Run, sandbox: Sandbox, database: Path, aws_prod: bytes
) -> None:
    (Path(database).parent / 'one.json').write_bytes(aws_prod)
    sandbox.put_state(PROJECT, NAME, database.read_bytes())
    assert 'runNixOps imports exports only' in state()['msg']
    assert 'several deployments' in state(function='runNixOps2')['msg']


@pytest.mark.parametrize(
    ('content', 'found'),
    [
        (renamed, OTHER_UUID),
        (lambda aws_prod: json.dumps({**json.loads(aws_prod), OTHER_UUID: {'resources': {}}}).encode(), OTHER_UUID),
    ],
)
def test_replacing_another_deployment_has_to_be_meant(
    content: Callable[[bytes], bytes], found: str, state: Run, sandbox: Sandbox, aws_prod: bytes
) -> None:
    sandbox.put_state(PROJECT, NAME, content(aws_prod))
    result = state(existing='replace')
    assert 'of another deployment' in result['msg']
    assert found in result['msg']
    assert 'replaced_version=1' in result['msg']
    assert 'not the one that was to be replaced' in state(existing='replace', replaced_version=7)['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 1
    assert state(existing='replace', replaced_version=1)['action'] == 'replaced'


@pytest.mark.parametrize('changes', [{'web9': {'vmId': 'i-9'}}, {'app1': {'vmId': 'i-9'}}, {'vol': {'type': 'ebs-volume'}}])
def test_replacing_what_somebody_put_by_hand_loses_no_machine(
    changes: dict[str, Any], state: Run, sandbox: Sandbox, other: Callable[..., bytes]
) -> None:
    by_hand = other(**changes)
    sandbox.put_state(PROJECT, NAME, by_hand)
    result = state(existing='replace')
    assert 'has what the new one lacks' in result['msg']
    assert next(iter(changes)) in result['problems'][0]['found']
    assert sandbox.states(PROJECT, NAME) == [by_hand]


def test_replacing_what_cannot_be_compared_has_to_be_meant(state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, b'perhaps compressed')
    assert 'cannot be compared' in state(existing='replace')['msg']
    assert state(existing='replace', replaced_version=1)['action'] == 'replaced'


@pytest.mark.parametrize('nothing', [b'', b'{}'])
def test_replacing_nothing_loses_nothing(nothing: bytes, state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, nothing)
    assert state(existing='replace')['action'] == 'replaced'


def test_a_database_is_replaced_for_the_function_that_imports_exports(
    state: Run, sandbox: Sandbox, aws_prod: bytes, one_deployment: bytes
) -> None:
    """The machines are the same, and yet runNixOps could do nothing with it."""
    sandbox.put_state(PROJECT, NAME, one_deployment)
    assert 'runNixOps imports exports only' in state()['msg']
    assert state(existing='replace')['action'] == 'replaced'
    assert sandbox.states(PROJECT, NAME) == [one_deployment, aws_prod]


def test_going_back_does_not_lose_machines_unseen(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], other: Callable[..., bytes], aws_prod: bytes
) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    make_job('Done', stores=other(web9={'vmId': 'i-9'}))
    result = state(version=1)
    assert 'web9' in result['problems'][0]['found']
    assert 'replaced_version=2' in result['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 2
    assert state(version=1, replaced_version=2)['action'] == 'restored'


def test_going_back_over_what_a_deployment_stored_where_nothing_is_lost(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], other: Callable[..., bytes], aws_prod: bytes
) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    make_job('Done', stores=other(app1={'publicIpv4': '192.0.2.99'}))
    assert state(version=1)['action'] == 'restored'


@pytest.mark.parametrize(
    'content',
    [
        b'{"%s": {"name": "webfarm", "resources": {}}}' % UUID.encode(),
        b'{"%s": {"name": "aws-prod", "resources": {}}, "b": {"resources": {}}}' % UUID.encode(),
    ],
)
def test_going_back_to_what_the_effect_cannot_use(content: bytes, state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, content)
    sandbox.put_state(PROJECT, NAME, aws_prod)
    result = state(version=1, deployment=UUID, effect_deployment='aws-prod')
    assert result['failed']
    assert '%s, version 1' % NAME in result['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 2


def test_a_state_without_machines_is_uploaded_with_a_warning(state: Run, warned: list[str]) -> None:
    assert state(deployment='empty')['action'] == 'created'
    assert len(warned) == 1 and 'no machines' in warned[0]
    state(deployment='aws-prod')
    state(deployment='empty')
    assert len(warned) == 1


def test_an_older_export_that_replaces_a_newer_state_is_told(
    state: Run,
    sandbox: Sandbox,
    aws_prod: bytes,
    make_job: Callable[..., int],
    other: Callable[..., bytes],
    export_file: Callable[[bytes], str],
    warned: list[str],
) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    make_job('Done', stores=other(web9={'vmId': 'i-9'}))
    result = state(existing='replace', replaced_version=2, export_file=export_file(aws_prod))
    assert result['action'] == 'replaced'
    assert len(warned) == 1
    assert 'is an older version of it' in warned[0]
    assert 'version=2' in warned[0]


@pytest.mark.parametrize('check', [True, False])
def test_the_first_upload_looks_for_the_deployment_in_other_files(
    check: bool, state: Run, sandbox: Sandbox, other: Callable[..., bytes], aws_prod: bytes
) -> None:
    """The state file was renamed, and the database is older than what was deployed since."""
    sandbox.put_state(PROJECT, 'nixops-old.json', other(web9={'vmId': 'i-9'}))
    result = state(check=check)
    assert 'another state in another file' in result['msg']
    assert 'nixops-old.json' in result['problems'][0]['found']
    assert 'i-9' not in result['msg']
    assert not writes(sandbox)
    sandbox.put_state(PROJECT, 'nixops-old.json', aws_prod)  # the way out: put yours there first
    assert state(check=check)['action'] == 'created'


@pytest.mark.parametrize('content', [b'', b'no state', b'{}', b'{"%s": {"name": "webfarm", "resources": {}}}' % UUID[::-1].encode()])
def test_the_first_upload_looks_at_what_was_deployed_with_other_files_before_somebody_replaced_it(
    content: bytes, state: Run, sandbox: Sandbox, other: Callable[..., bytes], aws_prod: bytes, make_job: Callable[..., int]
) -> None:
    make_job('Done', other(web9={'vmId': 'i-9'}), 'nixops-old.json')
    make_job('Done', other(web9={'vmId': 'i-9'}, web10={'vmId': 'i-10'}), 'nixops-old.json')
    sandbox.put_state(PROJECT, 'nixops-old.json', content)
    sandbox.put_state(PROJECT, 'nixops-old.json', content)
    result = state()
    assert 'another state in another file' in result['msg']
    assert 'nixops-old.json, version 2, stored at' in result['problems'][0]['found']
    assert not writes(sandbox)
    sandbox.put_state(PROJECT, 'nixops-old.json', aws_prod)  # the way out
    assert state()['action'] == 'created'


def test_a_database_under_another_name_is_found_too(state: Run, sandbox: Sandbox, database: Path) -> None:
    sandbox.put_state(PROJECT, 'default.nixops', database.read_bytes())
    assert 'default.nixops' in state()['msg']


@pytest.mark.parametrize(
    'content', [b'', b'no state, though it mentions ' + UUID.encode(), b'{"a": {"name": "%s", "resources": {}}}' % UUID.encode()]
)
def test_other_files_are_in_nobodys_way(content: bytes, state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, 'other.json', content)
    sandbox.put_state(PROJECT, 'nixops-aws-prod.known_hosts', UUID.encode())
    assert state()['action'] == 'created'
    assert not [url for url in downloads(sandbox) if 'known_hosts' in url]


def test_the_same_content_under_another_name_is_not_downloaded(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, 'nixops-old.json', aws_prod)
    assert state()['action'] == 'created'
    assert not [url for url in downloads(sandbox) if 'nixops-old' in url]
    sandbox.service.calls.clear()
    state()
    assert not downloads(sandbox)  # only the first upload looks elsewhere


def test_what_is_too_large_to_look_into_is_told(
    state: Run, sandbox: Sandbox, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, 'LARGEST', 10)
    sandbox.put_state(PROJECT, 'large.bin', b'12345678901')
    assert state()['action'] == 'created'
    assert len(warned) == 1 and 'large.bin' in warned[0] and '11 bytes' in warned[0]
    assert not [url for url in downloads(sandbox) if 'large' in url]
