# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions that do the work of their module in the controller: where the work is done, with what, and what comes of it."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, fail

Action = Callable[..., Any]
OPTIONS: dict[str, dict[str, Any]] = {
    'hci_job': {'project': 'github/neat-org/neat-repo', 'branch': 'main', 'api_base_url': 'https://ci.example.org'},
    'nixops_effect': {'checkout': '/srv/neat-repo', 'effects': [{'name': 'neat-network'}]},
    'nixops_push': {'checkout': '/srv/neat-repo', 'files': ['ci.nix'], 'branches': ['production']},
    'nixops_state': {'project': 'github/neat-org/neat-repo', 'deployment': 'foo'},
}
DEFAULTS = {'hci_job': ('wait_timeout', 3600), 'nixops_effect': ('validate', 'evaluate'), 'nixops_push': ('remote', 'origin'),
            'nixops_state': ('existing', 'keep')}
TEXTS: dict[str, dict[str, Any]] = {
    'hci_job': {**OPTIONS['hci_job'], 'wait_timeout': '5', 'wait': 'no', 'credentials_file': '~/x'},
    'nixops_effect': {'checkout': '~/x', 'effects': [{'name': 5, 'prebuild': 'no', 'network_files': 'a,b', 'secrets_map': {'a': 1}}],
                      'validate_timeout': '5', 'adopt': 'yes', 'pins': {'nixpkgs': {'url': 'x'}}},
    'nixops_push': {'checkout': '~/x', 'files': 'a,b', 'branches': [1], 'contents': 'a=b', 'hold': 'c'},
    'nixops_state': {**OPTIONS['nixops_state'], 'database': '~/x', 'backup': 'no', 'lock_timeout': '5'},
}
every_action = pytest.mark.parametrize('name', OPTIONS)


def code_of(name: str) -> Any:
    return importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.action.' + name)


@every_action
@pytest.mark.parametrize('place', [{'transport': 'ssh'}, {'become': object()}, {'async_val': 600}], ids=['remote host', 'become', 'async'])
def test_elsewhere_the_module_does_the_work(
    make_action: Action, monkeypatch: pytest.MonkeyPatch, name: str, place: dict[str, Any],
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(code_of(name).ActionModule, '_execute_module', lambda self, **how: called.append(how) or {'changed': True})
    monkeypatch.setattr(code_of(name), 'run', lambda *_arguments, **_named: pytest.fail('not here'))
    assert make_action(name, OPTIONS[name], **place).run(task_vars={'a': 1}) == {'changed': True}
    assert [(how['module_args'], how['task_vars'], bool(how['wrap_async'])) for how in called] == [
        (OPTIONS[name], {'a': 1}, 'async_val' in place)]


@every_action
def test_here_the_code_of_the_module_is_run(make_action: Action, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    seen: list[Any] = []
    option, default = DEFAULTS[name]

    def run(module: Any, **_named: Any) -> dict[str, Any]:
        module.warn('Look.')
        seen.extend([module.params[option], module.check_mode, module._diff])
        return {'changed': True, 'sha256': 'abc'}

    monkeypatch.setattr(code_of(name), 'run', run)
    result = make_action(name, OPTIONS[name], check_mode=True, diff=True).run(task_vars={})
    assert result == {'changed': True, 'sha256': 'abc', 'warnings': ['Look.']}
    assert seen == [default, True, True]


@pytest.mark.parametrize(('value', 'sent'), [
    (datetime.date(2024, 1, 1), '2024-01-01'), ({True: 1, 'a': (1, None)}, {'true': 1, 'a': [1, None]}), ({1: 'one'}, {'1': 'one'}),
], ids=['date', 'true as a key', 'number as a key'])
def test_options_are_those_that_a_module_would_get(make_action: Action, monkeypatch: pytest.MonkeyPatch, value: Any, sent: Any) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(code_of('nixops_effect'), 'run', lambda module: seen.extend(module.params['effects']) or {})
    make_action('nixops_effect', {'checkout': '/srv', 'effects': [{'name': 'x', 'network_args': {'a': value}}]}).run()
    assert [effect['network_args'] for effect in seen] == [{'a': sent}]


def test_what_a_module_cannot_get_is_named(make_action: Action) -> None:
    result = make_action('nixops_effect', {'checkout': '/srv', 'effects': [{'name': 'x', 'network_args': {'a': [b'binary']}}]}).run()
    assert (result['failed'], result['problems'][0]['where']) == (True, "effects[0]['network_args']['a'][0]")


@every_action
def test_a_failure_is_a_result_with_all_that_was_warned_of(make_action: Action, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def run(module: Any, **_named: Any) -> dict[str, Any]:
        module.warn('Look.')
        raise fail('It did not work.', branches=['main'])

    monkeypatch.setattr(code_of(name), 'run', run)
    result = make_action(name, OPTIONS[name]).run()
    assert (result['failed'], result['problems'][0]['what']) == (True, 'It did not work.')
    assert (result['branches'], result['warnings']) == (['main'], ['Look.'])


@pytest.mark.parametrize('name', ['hci_job', 'nixops_state'])
def test_a_token_among_the_options_is_masked_in_whatever_is_returned(
    make_action: Action, monkeypatch: pytest.MonkeyPatch, name: str,
) -> None:
    def run(*_arguments: Any, **_named: Any) -> dict[str, Any]:
        raise fail('The effect failed.', found='Authorization: Bearer eyJ-personal', job={'effects': [{'log': ['eyJ-personal']}]})

    monkeypatch.setattr(code_of(name), 'run', run)
    result = make_action(name, {**OPTIONS[name], 'api_token': 'eyJ-personal'}).run()
    assert result['failed'] is True
    assert 'Authorization: Bearer ***' in result['msg']
    assert 'eyJ-personal' not in repr(result)


@every_action
def test_options_are_checked_as_the_module_checks_them(make_action: Action, name: str) -> None:
    with pytest.raises(AnsibleActionFail, match='Unsupported parameters'):
        make_action(name, {**OPTIONS[name], 'branche': 'main'}).run()


@pytest.mark.parametrize(('name', 'options', 'message'), [
    ('hci_job', {'state': 'scheduled'}, 'state is scheduled but all of the following are missing: schedule'),
    ('nixops_state', {'export_file': '/a', 'database': '/b'}, 'mutually exclusive'),
])
def test_so_is_what_has_to_hold_between_them(make_action: Action, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        make_action(name, {**OPTIONS[name], **options}).run()


@pytest.mark.parametrize('name', [*OPTIONS, 'nixops_preflight', 'nixops_report'])
def test_whatever_works_in_the_controller_has_the_environment_of_the_play(
    name: str, make_action: Action, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it: proxies and authorities to trust are found by Python itself. Nothing of it stays."""
    monkeypatch.setenv('http_proxy', 'http://of-the-controller:1')
    monkeypatch.delenv('HERCULES_CI_API_TOKEN', raising=False)
    seen: list[Any] = []

    def look(*_arguments: Any, **_named: Any) -> Any:
        seen.append((os.environ['http_proxy'], os.environ['HERCULES_CI_API_TOKEN'], os.environ['RETRIES']))
        raise fail('Enough seen.')

    monkeypatch.setattr(code_of(name), {'nixops_preflight': 'check', 'nixops_report': 'outcomes'}.get(name, 'run'), look)
    options = {**OPTIONS, 'nixops_report': {
        'projects': {'p': {'selected': [], 'branches': {}, 'actions': {}, 'states': {}, 'versions': {}}}}}
    environment = [{'http_proxy': 'http://of-the-play:1', 'HERCULES_CI_API_TOKEN': 'of-the-play', 'RETRIES': 3}]
    variables = {'groups': {}, 'hostvars': {}, 'ansible_play_batch': [], 'ansible_play_hosts_all': [], 'ansible_play_hosts': []}
    with contextlib.suppress(Failure):
        make_action(name, options.get(name, {}), environment=environment).run(task_vars=variables)
    assert seen == [('http://of-the-play:1', 'of-the-play', '3')]
    assert os.environ['http_proxy'] == 'http://of-the-controller:1'
    assert 'HERCULES_CI_API_TOKEN' not in os.environ


@every_action
def test_both_get_the_same_options(
    make_action: Action, run_module: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, name: str,
) -> None:
    """With all defaults, and text that the argument spec converts."""
    seen: list[dict[str, Any]] = []

    def run(module: Any, **_named: Any) -> dict[str, Any]:
        seen.append({option: value for option, value in module.params.items() if option != '_payload'})
        return {}

    module = importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.modules.' + name)
    for where in (module, code_of(name)):
        monkeypatch.setattr(where, 'run', run)
    make_action(name, TEXTS[name]).run()
    run_module(module.main, TEXTS[name])
    assert seen[0] == seen[1]
