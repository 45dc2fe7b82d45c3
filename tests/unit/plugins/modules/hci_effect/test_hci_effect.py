# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_effect with a program that notes how it was called."""

from __future__ import annotations

import json
import os
import select
import shutil
import stat
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _programs
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hci.masking import SHORTEST, Mask
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_effect
from hypothesis import given
from hypothesis import strategies as st

KEY = '-----BEGIN KEY-----\nc2VjcmV0LWxpbmUtb25l\nc2VjcmV0LWxpbmUtdHdv\n-----END KEY-----\n'
AWS = {'aws_secret_access_key': 'wJalr"XUtn', 'pin': 90125, 'on': True, 'zone': 'eu'}
SECRETS = {
    'neat-aws': {'kind': 'Secret', 'data': AWS, 'condition': True},
    'neat-ssh': {'kind': 'Secret', 'data': {'nested': [{'privateKey': KEY}]}, 'condition': True},
}
Effect = Callable[..., dict[str, Any]]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout for which hci is configured, with a program of that name."""
    secrets = tmp_path / 'config/hercules-ci/secrets/github/neat-org/secrets.json'
    secrets.parent.mkdir(parents=True)
    secrets.write_text(json.dumps(SECRETS))
    credentials = {'domains': {'hercules-ci.com': {'personalToken': 'eyJ-personal'}}}
    (tmp_path / 'config/hercules-ci/credentials.json').write_text(json.dumps(credentials))
    monkeypatch.setenv('XDG_CONFIG_HOME', str(tmp_path / 'config'))
    for name in ('HERCULES_CI_SECRETS_JSON', 'HERCULES_CI_API_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / 'checkout'
    folder.mkdir()
    (tmp_path / 'bin').mkdir()
    hci = tmp_path / 'bin/hci'
    hci.write_text('#!%s\n%s' % (sys.executable, Path(__file__).with_name('fake_hci.py').read_text()))
    hci.chmod(0o755)
    monkeypatch.setenv('PATH', '%s:%s' % (tmp_path / 'bin', os.environ['PATH']))
    return folder


@pytest.fixture
def effect(checkout: Path, run_module: Any) -> Effect:
    """effect(output, rc, version, **options) runs the module with an hci that does that."""

    def run(
        *output: str, rc: int = 0, version: str | None = '0.3.9', hangs: bool = False, signals: bool = False, check: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        lines = [('err', line[1:]) if line.startswith('!') else ('out', line) for line in output]
        script = {'output': lines, 'rc': rc, 'version': version, 'hangs': hangs, 'signals': signals}
        (checkout / 'fake-hci.json').write_text(json.dumps(script))
        defaults = {'checkout': str(checkout), 'project': 'github/neat-org/neat-repo', 'attribute': 'neat-network.run'}
        given = {name: value for name, value in {**defaults, **options}.items() if value is not None}
        result: dict[str, Any] = run_module(hci_effect.main, given, check=check)
        return result

    return run


def calls(checkout: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (checkout / 'calls.jsonl').read_text().splitlines()]


@pytest.mark.parametrize(
    ('version', 'option'), [('0.3.9', '--pretend-ref'), ('0.3.6', '--pretend-ref'), ('0.10', '--pretend-ref'), (None, '--as-ref')]
)
def test_it_is_called_as_its_version_wants_it(checkout: Path, effect: Effect, version: str | None, option: str) -> None:
    result = effect('activated', version=version, branch='production')
    expected = ['effect', 'run', '--project', 'github/neat-org/neat-repo', option, 'refs/heads/production', 'neat-network.run']
    call = calls(checkout)[-1]
    assert call['argv'] == expected
    assert result['cmd'][1:] == expected
    assert (call['folder'], call['stdin'], call['environment']) == (str(checkout), '', {})
    assert (result['changed'], result['rc'], result['log']) == (True, 0, ['activated'])


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'tag': 'v1'}, ['--pretend-ref', 'refs/tags/v1']),
        ({'ref': 'refs/pull/1'}, ['--pretend-ref', 'refs/pull/1']),
        ({'token': False}, ['--no-token']),
        ({}, []),
    ],
)
def test_where_it_pretends_to_be(checkout: Path, effect: Effect, options: dict[str, Any], expected: list[str]) -> None:
    effect(**options)
    assert calls(checkout)[-1]['argv'][4:-1] == expected


def test_secrets_reach_it_through_the_environment_only(checkout: Path, effect: Effect, tmp_path: Path) -> None:
    other = tmp_path / 'other.json'
    other.write_text(json.dumps({'a': {'kind': 'Secret', 'data': {'x': 'other-secret'}}}))
    result = effect('got other-secret', secrets_file=str(other))
    assert calls(checkout)[-1]['environment'] == {'HERCULES_CI_SECRETS_JSON': str(other)}
    assert result['log'] == ['got ********']


def test_it_runs_where_there_are_no_secrets(effect: Effect, tmp_path: Path) -> None:
    """hci itself says what an effect lacks that wants some."""
    shutil.rmtree(tmp_path / 'config/hercules-ci/secrets')
    result = effect(json.dumps(AWS['aws_secret_access_key']))
    assert (result['rc'], result['log']) == (0, [json.dumps(AWS['aws_secret_access_key'])])


def test_a_token_reaches_it_in_a_file_and_in_no_environment(
    checkout: Path, effect: Effect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the configuration stays where programs look for it: Git's, for one."""
    (tmp_path / 'config/git').mkdir()
    monkeypatch.setenv('HERCULES_CI_API_TOKEN', 'eyJ-environment')
    monkeypatch.setenv('IN_HERCULES_CI_EFFECT', 'true')
    monkeypatch.setenv('HERCULES_CI_API_BASE_URL', 'https://ci.example.org:8443')
    result = effect('Bearer eyJ-given', json.dumps(AWS['aws_secret_access_key']), _payload=packed({'api_token': 'eyJ-given'}))
    found = json.loads((checkout / 'found.json').read_text())
    assert found['credentials'] == {'domains': {'ci.example.org': {'personalToken': 'eyJ-given'}}}
    assert (found['all'], found['own']) == (['git', 'hercules-ci'], ['credentials.json', 'secrets'])
    own = {name: value for name, value in found['environment'].items() if not name.startswith('COVERAGE')}
    assert 'eyJ' not in json.dumps(own) and 'IN_HERCULES_CI_EFFECT' not in found['environment']
    assert not Path(found['folder']).exists()
    assert result['log'] == ['Bearer ********', '"********"']
    assert 'eyJ' not in json.dumps(result)
    effect()
    assert json.loads((checkout / 'found.json').read_text())['environment']['HERCULES_CI_API_TOKEN'] == 'eyJ-environment'


def test_what_a_program_wraps_is_masked_in_log_and_result(checkout: Path, effect: Effect, tmp_path: Path) -> None:
    log = tmp_path / 'effect.log'
    wrapped = b64encode(b'a prefix, %s' % KEY.encode()).decode()
    lines = [wrapped[start:start + 60] for start in range(0, len(wrapped), 60)]
    result = effect('before', *lines, 'and after', log_file=str(log))
    assert result['log'] == ['before', *['********'] * len(lines), 'and after'] == log.read_text().splitlines()
    result = effect(*('!' + line for line in lines), command='eval')
    assert result['log'] == ['********'] * len(lines)


def test_everything_that_hci_may_read_is_masked_in_log_and_result(
    checkout: Path, effect: Effect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HERCULES_CI_API_TOKEN', 'eyJ-environment')
    log = tmp_path / 'effect.log'
    log.write_text('old')
    log.chmod(0o644)
    lines = ['key=wJalr"XUtn;', json.dumps(SECRETS), '!eyJ-environment eyJ-personal', *KEY.splitlines(), 'pin 90125 in eu: True']
    result = effect(*lines, log_file=str(log), rc=1)
    assert result['log'][0] == 'key=********;'
    assert result['log'][-1] == 'pin ******** in eu: True'
    for text in (json.dumps(result), log.read_text()):
        for secret in ('wJalr', 'XUtn', 'c2VjcmV0', 'eyJ', '90125'):
            assert secret not in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text().splitlines() == result['log']


def test_a_failing_effect_fails_with_its_code_and_the_end_of_what_it_wrote(effect: Effect) -> None:
    result = effect('one', 'two', '!\x1b[31merror: no route\x1b[0m', rc=3, log_lines=2)
    assert (result['failed'], result['changed'], result['rc']) == (True, True, 3)
    assert result['log'] == ['two', 'error: no route']
    assert result['msg'].startswith('The effect neat-network.run failed with exit code 3. Where: ')
    assert result['msg'].endswith('Found: error: no route.') and json.dumps(result).count('"two"') == 1, 'the log is printed once'


def test_the_reason_stands_above_what_the_shell_prints_afterwards(effect: Effect) -> None:
    lines = ('error: activation failed', 'uploading state files after failure',
             'NOTE: State has already been uploaded and was not uploaded again.')
    result = effect(*lines, rc=1, log_lines=1)
    assert result['problems'][0]['found'] == 'error: activation failed'
    assert result['log'] == list(lines[2:])
    assert 'error' not in effect(*lines, rc=1, log_lines=0)['msg']


def test_a_misspelt_attribute_gets_a_way_to_find_the_right_one(effect: Effect) -> None:
    result = effect('!hci: Could not find an attribute at path ["neat-netwrk"] in /srv/ci.nix', rc=1, attribute='neat-netwrk')
    assert 'command: list' in result['msg']


def test_list_returns_the_effects_and_eval_the_derivation(checkout: Path, effect: Effect) -> None:
    listed = effect('a.run', 'onPush."b.c".effects.d', '!evaluating', command='list', attribute=None)
    assert (listed['effects'], listed['log'], listed['changed']) == (['a.run', 'onPush."b.c".effects.d'], ['evaluating'], False)
    assert calls(checkout)[-1]['argv'] == ['effect', 'list', '--project', 'github/neat-org/neat-repo']
    assert effect('/nix/store/e.drv', command='eval')['derivation'] == '/nix/store/e.drv'
    assert effect(command='list', attribute=None)['effects'] == []
    assert effect('a.run', '!evaluating', command='list', attribute=None, log_lines=0)['log'] == []


def test_eval_needs_a_newer_hci(effect: Effect) -> None:
    said = 'This hci has no effect eval. Where: hci_program. Expected: hci 0.3.9 or newer. Found: hci 0.3.7.'
    assert said in effect(command='eval', version='0.3.7')['msg']


def test_check_mode_evaluates_and_does_not_run(checkout: Path, effect: Effect, tmp_path: Path) -> None:
    result = effect('/nix/store/e.drv', check=True, log_file=str(tmp_path / 'effect.log'))
    assert [call['argv'][:2] for call in calls(checkout)] == [['--version'], ['effect', 'eval']]
    assert (result['changed'], result['derivation']) == (True, '/nix/store/e.drv')
    assert not (tmp_path / 'effect.log').exists()
    assert 'could not be evaluated' in effect('!error: nope', rc=1, check=True)['msg']


def test_check_mode_calls_nothing_else_of_an_old_hci(checkout: Path, effect: Effect, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, 'warn', lambda _module, text: warned.append(text))
    result = effect(check=True, version='0.3.8')
    assert [call['argv'] for call in calls(checkout)] == [['--version']]
    assert result['changed'] is True
    assert 'was not looked at' in warned[0]


@pytest.mark.parametrize('command', ['run', 'eval'])
def test_after_the_time_out_nothing_is_left_running(
    checkout: Path, effect: Effect, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(_programs, 'SECONDS_TO_END', 0.2)
    result = effect('deploying', hangs=True, run_timeout=5, command=command)
    assert 'did not end within 5 seconds' in result['msg']
    require_no_child(checkout)


def test_after_a_signal_nothing_is_left_running(checkout: Path, effect: Effect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that nobody sees would go on."""
    monkeypatch.setattr(_programs, 'SECONDS_TO_END', 0.2)
    assert 'interrupted by signal 15' in effect('deploying', hangs=True, signals=True)['msg']
    require_no_child(checkout)


def require_no_child(checkout: Path) -> None:
    with suppress(ProcessLookupError):
        child = os.pidfd_open(int((checkout / 'child.pid').read_text()))
        assert select.select([child], [], [], 10)[0], 'still runs'
        os.close(child)


def test_a_full_disk_under_the_log_ends_the_effect(
    checkout: Path, effect: Effect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[Any] = []
    plain_end, plain_open, log = _programs.end_program, os.open, str(tmp_path / 'effect.log')
    monkeypatch.setattr(_programs, 'end_program', lambda process: ended.append(process) or plain_end(process))
    monkeypatch.setattr(os, 'open', lambda path, *how: plain_open('/dev/full', os.O_WRONLY) if path == log else plain_open(path, *how))
    result = effect('deploying', hangs=True, log_file=log)
    assert result['msg'] == 'The log cannot be written. Where: log_file: %s. Found: No space left on device.' % log
    assert ended[0].poll() is not None


def test_what_is_not_there_is_named(checkout: Path, effect: Effect, tmp_path: Path) -> None:
    assert 'hci_program: no-hci' in effect(hci_program='no-hci')['msg']
    assert 'There is no checkout.' in effect(checkout=str(tmp_path / 'nowhere'))['msg']
    assert 'There is no file with secrets.' in effect(secrets_file=str(tmp_path / 'nowhere'))['msg']
    assert 'The log cannot be written.' in effect(log_file='/dev/null')['msg']
    said = effect(secrets_file=str(tmp_path / 'bin/hci/secrets.json'))['msg']
    assert 'A file with secrets cannot be read. Where: %s' % (tmp_path / 'bin/hci/secrets.json') in said and 'Not a directory' in said
    broken = tmp_path / 'broken.json'
    broken.write_text('{"a": {"kind": "Secret"}}')
    assert 'key "data" not found' in effect(secrets_file=str(broken))['msg']
    (tmp_path / 'bin/hci').write_bytes(b'\x7fELF?')
    assert 'does not start' in effect()['msg']
    assert [call['argv'] for call in calls(checkout)] == [['--version']]


@given(st.lists(st.text(min_size=SHORTEST)), st.text(), st.text())
def test_no_line_of_a_secret_survives(values: list[str], before: str, after: str) -> None:
    mask = Mask([values])
    for value in values:
        for line in value.splitlines():
            if len(line.strip()) >= SHORTEST:
                assert line.strip() not in mask(before + line + after).replace('********', '\0')
