# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""No value of a secret leaves the file it belongs to: looked for wherever a run of Ansible leaves traces.

Looked through: standard output and error at -vvvvv, the log file, what a callback plugin gets, the system's log, arguments and environments
of all processes, and files left on controller and host. Plays succeed, predict, fail and retry meanwhile.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.surroundings import ROOT

PLAYBOOK = str(Path(sys.executable).parent / 'ansible-playbook')

# In every kind of value. The short ones would make a mess of unrelated text if they were masked.
SECRET = {
    'string': 'CANARY-string', 'lines': 'CANARY-line1\nCANARY-line2\n', 'quotes': 'CANARY"\'\\quotes',
    'number': 8675309111, 'fraction': 4711.8675309, 'nested': {'deep': ['CANARY-deep', {'deeper': 'CANARY-deeper'}]},
    'letter': 'ꙮ', 'port': 22, 'word': 'changed', 'yes': True,
}
OLD = {**SECRET, 'string': 'CANARY-old', 'number': 8675309222}
# Also in base64, at each of its three alignments, and what the values are packed into for the module: packed is not hidden.
NEEDLES = ('CANARY', '8675309', 'ꙮ', '\\ua66e', 'Q0FOQVJZ', 'NBTkFSW', 'DQU5BUl', 'packed-values-')

CALLBACK = '''
import json, os
from ansible.plugins.callback import CallbackBase

def write_down(self, *args, **kwargs):
    with open(os.environ['EVERYTHING'], 'a') as out:
        for arg in args:
            for name in ('_result', '_task_fields', 'result', 'task_fields'):
                out.write(repr(getattr(arg, name, None)) + '\\n')
                out.write(json.dumps(getattr(arg, name, None), default=repr) + '\\n')

EVENTS = {name: write_down for name in dir(CallbackBase) if name.startswith('v2_') and name != 'v2_on_any'}

class CallbackModule(CallbackBase):
    """Writes down all that Ansible tells callbacks."""
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'everything'
    vars().update(EVENTS)
'''
# Modules write to the system's log by way of this.
SITECUSTOMIZE = '''
import os, syslog
def write(*args):
    with open(os.environ['SYSLOG'], 'a') as out:
        out.write(repr(args) + '\\n')
syslog.syslog = write
'''
TASK = {'name': 'Provide', 'nixcd.hercules_ci.hci_secret': {'path': '{{ folder }}/secrets.json', 'secrets': '{{ secrets }}'}}
AGENT = {'name': 'Start', 'nixcd.hercules_ci.hci_agent': {
    'path': '{{ folder }}', 'cluster_join_token': '{{ secrets.a.data.string }}', 'binary_caches': {'c': {
        'kind': 'NixCache', 'storeURI': '{{ secrets.a.data.quotes }}', 'publicKeys': ['p'], 'signingKeys': ['{{ secrets.a.data.letter }}'],
    }},
}}
INFO = {'name': 'Look', 'nixcd.hercules_ci.hci_secret_info': {'path': '{{ folder }}/secrets.json'}}
SAY = {'name': 'Say', 'ansible.builtin.debug': {'msg': 'port 2222 is unchanged, 22 is true'}}


def with_token(checkout: Path) -> list[dict[str, Any]]:
    """A task for each module that takes a token, which ends before it asks anybody anything."""
    common = {'api_token': '{{ secrets.a.data.string }}', 'project': 'no-project'}
    given: dict[str, dict[str, Any]] = {
        'hci_effect': {'checkout': str(checkout), 'command': 'list'}, 'hci_job': {'branch': 'main'}, 'hci_job_info': {},
        'nixops_state': {'deployment': 'a'}, 'nixops_state_fetch': {'name': 'a', 'path': '/nowhere'}, 'nixops_state_info': {},
    }
    return [{'nixcd.hercules_ci.' + name: {**common, **options}} for name, options in given.items()]


def ended(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether the process has ended after so long at the latest."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


class Theatre:
    """A folder in which plays are run and their traces collected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = folder / 'stage'
        self.traces = folder / 'traces'
        for path in (self.stage, self.traces, folder / 'agent', folder / 'plugins', folder / 'home', folder / 'tmp'):
            path.mkdir()
        (folder / 'plugins' / 'everything.py').write_text(CALLBACK)
        (folder / 'plugins' / 'sitecustomize.py').write_text(SITECUSTOMIZE)
        namespace = folder / 'collections' / 'ansible_collections' / 'nixcd'
        namespace.mkdir(parents=True)
        (namespace / 'hercules_ci').symlink_to(ROOT)

    def play(self, tasks: list[dict[str, Any]], secrets: Any, *options: str, inventory: str = '', **environment: str) -> str:
        """Run the tasks; returns what was printed. Sources lie on the stage, which is not searched. inventory: more of it, as text."""
        variables = {
            'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable,
            'ansible_remote_tmp': str(self.folder / 'tmp' / 'remote'), 'folder': str(self.folder / 'agent'), 'secrets': secrets,
        }
        (self.stage / 'inventory.yml').write_text(yaml.safe_dump({'all': {'hosts': {'agent-1': variables}}}))
        (self.stage / 'more.yml').write_text(inventory or '{}')
        (self.stage / 'play.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': tasks}], sort_keys=False))
        process = subprocess.Popen(
            [PLAYBOOK, '-i', 'inventory.yml', '-i', 'more.yml', 'play.yml', '-vvvvv', '--diff', *options],
            cwd=self.stage, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={
                'PATH': os.environ['PATH'], 'HOME': str(self.folder / 'home'), 'LANG': 'C.UTF-8',
                'PYTHONPATH': str(self.folder / 'plugins'), 'TMPDIR': str(self.folder / 'tmp'),
                'ANSIBLE_LOCAL_TEMP': str(self.folder / 'tmp' / 'local'),
                'ANSIBLE_COLLECTIONS_PATH': str(self.folder / 'collections'), 'ANSIBLE_LOG_PATH': str(self.traces / 'log'),
                'ANSIBLE_CALLBACK_PLUGINS': str(self.folder / 'plugins'), 'ANSIBLE_CALLBACKS_ENABLED': 'everything,ansible.builtin.junit',
                'JUNIT_OUTPUT_DIR': str(self.traces / 'junit'),
                'EVERYTHING': str(self.traces / 'callback'), 'SYSLOG': str(self.traces / 'syslog'), **environment,
            },
        )
        watcher = threading.Thread(target=self._watch, args=(process,))
        watcher.start()
        output, _nothing = process.communicate()
        watcher.join()
        with open(self.traces / 'output', 'a', encoding='utf-8') as out:
            out.write(output)
        return output

    def _watch(self, process: subprocess.Popen[str]) -> None:
        """Write down arguments and environments of the processes of the run, while it lasts. Each has the folder in its environment."""
        seen: set[bytes] = set()
        while not ended(process, 0.05):  # a program of a play takes longer, and without a pause this takes a whole processor
            for entry in Path('/proc').glob('[0-9]*'):
                try:
                    environment = (entry / 'environ').read_bytes()
                    if os.fsencode(self.folder) in environment:
                        seen.add((entry / 'cmdline').read_bytes() + environment)
                except OSError:
                    pass
        (self.traces / 'processes').write_bytes(b'\n'.join(seen))

    def leaks(self) -> list[tuple[str, str]]:
        """Where which canary was found: in traces, and in files that are left anywhere but on the stage and at the agent."""
        found = []
        for top in ('traces', 'tmp', 'home', 'plugins'):
            for path in sorted((self.folder / top).rglob('*')):
                if path.is_file():
                    text = path.read_text(encoding='utf-8', errors='replace')
                    found += [(str(path.relative_to(self.folder)), needle) for needle in NEEDLES if needle in text]
        return found


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    # Not in a folder of pytest's: ansible-core 2.21 has a socket in its temporary folder, whose path may have some hundred letters.
    with tempfile.TemporaryDirectory(prefix='nixcd-') as folder:
        theatre = Theatre(Path(folder))
        yield theatre
        left = {path.name for path in (theatre.folder / 'agent').iterdir()}
        assert left <= {'binary-caches.json', 'cluster-join-token.key', 'secrets.json'}


def secrets(data: Any) -> dict[str, Any]:
    return {'a': {'data': data, 'condition': 'isTag'}}


def test_the_search_finds_what_is_shown(theatre: Theatre) -> None:
    shown = {'ansible.builtin.command': 'sh -c "sleep 0.5; echo {{ secrets.a.data.number }}"'}
    theatre.play([{'ansible.builtin.debug': {'var': 'secrets'}}, shown], secrets(SECRET))
    leaks = theatre.leaks()
    for name, needle in (('output', 'CANARY'), ('log', 'ꙮ'), ('callback', 'CANARY'), ('syslog', '8675309'), ('processes', '8675309')):
        assert ('traces/%s' % name, needle) in leaks


def test_plays_that_succeed(theatre: Theatre) -> None:
    tasks = [TASK, AGENT, INFO, SAY]
    predicted = theatre.play(tasks, secrets(OLD), '--check')
    first = theatre.play(tasks, secrets(OLD), ANSIBLE_DISPLAY_ARGS_TO_STDOUT='1')
    rotated = theatre.play(tasks, secrets(SECRET))
    second = theatre.play(tasks, secrets(SECRET), ANSIBLE_DEBUG='1')
    assert [output.count('changed: [agent-1]') for output in (predicted, first, rotated, second)] == [2, 2, 2, 0]
    for output in (predicted, first, rotated, second):
        assert 'port 2222 is unchanged, 22 is true' in output and 'unreachable=0' in output
        assert not re.search(r'(?<!\*)\*{8}(?!\*)', output), 'nothing is masked'

    assert '"string": "another value"' in rotated and '"letter": "a value"' in rotated
    assert json.loads((theatre.folder / 'agent' / 'secrets.json').read_text())['a']['data'] == SECRET
    assert theatre.leaks() == []


@pytest.mark.parametrize('data', ['CANARY', ['CANARY', 8675309111], {'x': SECRET, 'y': b'CANARY'}])
def test_variables_that_are_refused(theatre: Theatre, data: Any) -> None:
    output = theatre.play([{**TASK, 'ignore_errors': True}, AGENT | {'ignore_errors': True}, SAY], secrets(data))
    assert 'ignored=2 ' in output or 'x' in data
    assert theatre.leaks() == []


def test_options_that_are_refused(theatre: Theatre) -> None:
    wrong: list[dict[str, Any]] = [
        {'secret': '{{ secrets }}'},
        {'name': 'a', 'secrets': '{{ secrets }}'},
        {'name': 'a', 'data': '{{ secrets.a.data.string }}'},
        {'name': 'a', 'data': '{{ secrets.a.data }}'},
        {'name': 'a', 'data': '{{ secrets.a.data }}', 'condition': '{{ secrets.a.data }}'},
        {'secrets': '{{ secrets }}', 'state': 'CANNOT'},
        {'secrets': '{{ secrets }}', 'mode': 256},
        {'secrets': '{{ secrets }}', 'owner': 'nobody-here'},
        {'name': 'a', 'data': ['{{ secrets.a.data }}']},
    ]
    place = {'path': '{{ folder }}/secrets.json'}
    tasks = [{'nixcd.hercules_ci.hci_secret': {**place, **options}, 'ignore_errors': True} for options in wrong]
    output = theatre.play([SAY, *tasks], secrets(SECRET))
    assert 'ignored=%d ' % len(tasks) in output
    listed = output.rpartition('TASK [')[2]
    assert 'This has to be a dictionary, and is not. Where: data' in listed and '_datatag' not in listed
    assert theatre.leaks() == []


def test_loops_hide_items_that_hold_a_value_and_no_others(theatre: Theatre) -> None:
    def loop(items: Any, **options: str) -> dict[str, Any]:
        place = {'path': '{{ folder }}/secrets.json'}
        return {'nixcd.hercules_ci.hci_secret': {**place, 'condition': 'isTag', **options}, 'loop': items, 'ignore_errors': True}

    def token(items: Any) -> dict[str, Any]:
        return {'nixcd.hercules_ci.hci_agent': {'path': '{{ folder }}', 'cluster_join_token': '{{ item }}'}, 'loop': items}

    names = loop(['name-1', 'name-2'], name='{{ item }}', data='{{ secrets.a.data }}')
    hidden = [
        loop('{{ secrets | dict2items }}', name='{{ item.key }}', data='{{ item.value.data }}'),
        loop('{{ secrets | dict2items }}', name='{{ item.key }}', data='{{ item.value.data }}', mode='wrong'),
        loop(['{{ secrets.a.data.string }}'], name='b', data='{{ {"x": item} }}'),
        loop(['{{ secrets.a.data.number }}'], name='b', data='{{ {"x": item} }}'),
        loop(['x{{ secrets.a.data.string }}'], name='b', data='{{ {"x": item[1:]} }}', require_condition='no'),
        loop([{'name': 'b', 'password': '{{ secrets.a.data.string }}'}], name='{{ item.name }}', data='{{ {"x": "u:" ~ item.password} }}'),
        loop(['{{ secrets.a.data.string | b64encode }}'], name='b', data='{{ {"x": item | b64decode} }}'),
        {**loop('{{ secrets | dict2items }}', name='b', data='{{ one.value.data }}'), 'loop_control': {'loop_var': 'one', 'label': 'one'}},
        token(['{{ secrets.a.data.string }}']),
    ]
    extended = {**loop(['name-1', '{{ secrets.a.data.string }}'], name='{{ item }}', data='{{ secrets.a.data }}'), 'loop_control': {
        'extended': True}, 'when': 'ansible_loop.first'}
    hidden.append({**extended, 'no_log': True})  # Ansible alone shows items that are skipped
    hidden.append({**extended, 'when': True})
    output = theatre.play([names, *hidden, SAY], secrets(SECRET))
    assert "=> (item=name-1)" in output and output.count('the output has been hidden') >= len(hidden)
    assert theatre.leaks() == []


def test_what_would_keep_the_values_in_a_file_is_refused(theatre: Theatre) -> None:
    later = theatre.play([{**TASK, 'async': 60, 'poll': 1}], secrets(SECRET))
    assert 'hci_secret cannot run in the background' in later
    kept = theatre.play([TASK], secrets(SECRET), ANSIBLE_KEEP_REMOTE_FILES='1')
    assert 'ANSIBLE_KEEP_REMOTE_FILES' in kept
    assert theatre.leaks() == [] and list((theatre.folder / 'agent').iterdir()) == []


def test_an_interpreter_that_says_what_it_is_told(theatre: Theatre) -> None:
    repeating = {'ansible_python_interpreter': shutil.which('cat')}
    output = theatre.play([{**TASK, 'vars': repeating, 'ignore_errors': True}, SAY], secrets(SECRET))
    assert '_ansiballz_main' in output and '...ignoring' in output
    again = {'ansible_python_interpreter': shutil.which('tee')}
    tokens = with_token(theatre.folder)[2:4]
    tasks = [TASK, *({**task, 'vars': again} for task in (TASK, AGENT, *tokens))]
    theatre.play([{**{'vars': repeating}, **task, 'ignore_errors': True} for task in tasks], secrets(SECRET), ANSIBLE_DEBUG='1')
    assert theatre.leaks() == []


def test_the_role(theatre: Theatre) -> None:
    """Ansible checks the arguments of a role itself, and shows what it finds."""
    role = {'ansible.builtin.include_role': {'name': 'nixcd.hercules_ci.nixops', 'tasks_from': 'agent'}}
    given = {
        'nixops_agent_secrets': '{{ secrets }}', 'nixops_agent_secrets_path': '{{ folder }}/secrets.json',
        'nixops_agent_cluster_join_token': '{{ secrets.a.data.string | default("x") }}',
    }
    wrong = [{'nixops_agent_secrets': value} for value in (
        '{{ secrets.a }}', '{{ secrets.a.data }}', '{{ [secrets] }}', '{{ secrets.a.data.string }}')]
    wrong.append({'nixops_agent_binary_caches': '{{ secrets.a.data }}'})
    rescued = [{'block': [{**role, 'vars': {**given, **variables}}], 'rescue': [SAY]} for variables in wrong]
    output = theatre.play([{**role, 'vars': given}, SAY, *rescued], secrets(SECRET))
    assert output.count('changed: [agent-1]') == 2 and 'port 2222 is unchanged, 22 is true' in output
    assert 'rescued=%d ' % len(wrong) in output
    assert theatre.leaks() == []


def test_a_broken_file_and_a_task_that_is_retried(theatre: Theatre) -> None:
    file = theatre.folder / 'agent' / 'secrets.json'
    (theatre.folder / 'agent' / 'binary-caches.json').write_text('{"c": "CANARY", "c": 1}')
    file.write_text('{"b": {"kind": "Secret", "data": "CANARY"}, "c": {"condition": ["CANARY"]}, "d": CANARY}')
    retried = {**TASK, 'register': 'result', 'until': 'result is succeeded', 'retries': 1, 'delay': 0, 'ignore_errors': True}
    output = theatre.play([retried, {**AGENT, 'ignore_errors': True}, SAY], secrets(SECRET))
    assert output.count('This is not JSON') >= 2 and 'FAILED - RETRYING' in output
    file.write_text('{"b": {"kind": "Secret", "data": "CANARY"}}')
    assert 'Error in $.b.data: parsing Map ~Text failed' in theatre.play([{**retried, 'ignore_errors': True}], secrets(SECRET))
    assert theatre.leaks() == []
    file.unlink()
    (theatre.folder / 'agent' / 'binary-caches.json').unlink()


def test_a_token(theatre: Theatre) -> None:
    """Also one that is in the address, and where the module would lie in a file. The callback junit prints what literally is in a task."""
    addresses = {'user': 'https://user:CANARY@ci.example.org', 'query': 'https://ci.example.org/?token=CANARY'}
    values = secrets({'string': 'CANARY-token', **addresses})
    tasks = [{**task, 'ignore_errors': True} for task in with_token(theatre.folder)]
    output = theatre.play([*tasks, SAY], values, ANSIBLE_DEBUG='1', ANSIBLE_DISPLAY_ARGS_TO_STDOUT='1')
    assert 'ignored=%d ' % len(tasks) in output and 'no-project' in output
    kept: list[dict[str, Any]] = [tasks[0], {**tasks[2], 'async': 60, 'poll': 1}]
    for task in with_token(theatre.folder)[1:3]:
        ((name, options),) = task.items()
        for field in addresses:
            kept.append({name: {**options, 'api_base_url': '{{ secrets.a.data.%s }}' % field}, 'ignore_errors': True})
    assert 'ignored=%d ' % len(kept) in theatre.play(kept, values, ANSIBLE_KEEP_REMOTE_FILES='1')
    assert theatre.leaks() == []


def test_an_effect_gets_its_token_unseen(theatre: Theatre) -> None:
    """What hci says is masked, whatever it makes of the values."""
    hci = theatre.stage / 'hci'
    hci.write_text(HCI % (sys.executable, b64encode(b'u:CANARY-token').decode()))
    hci.chmod(0o755)
    config = theatre.stage / 'config'
    (config / 'hercules-ci/secrets/github/neat-org').mkdir(parents=True)
    document = {'a': {'kind': 'Secret', 'condition': True, 'data': {'key': 'CANARY"quoted', 'file': json.dumps({'inner': 'CANARY-inner'})}}}
    (config / 'hercules-ci/secrets/github/neat-org/secrets.json').write_text(json.dumps(document))
    task = {'nixcd.hercules_ci.hci_effect': {
        'checkout': str(theatre.folder), 'project': 'github/neat-org/neat-repo', 'attribute': 'neat.run', 'hci_program': str(hci),
        'api_token': '{{ secrets }}', 'log_file': str(theatre.traces / 'effect.log'),
    }, 'environment': {'XDG_CONFIG_HOME': str(config)}, 'register': 'ran'}
    output = theatre.play([task, {'ansible.builtin.debug': {'var': 'ran.log'}}], 'CANARY-token', ANSIBLE_DEBUG='1')
    assert 'Bearer ********' in output and 'Basic ********' in output
    assert theatre.leaks() == []


HCI = '''#!%s
import json, os, sys, time
if sys.argv[1:] == ['--version']:
    print('hci 0.3.9')
    sys.exit()
folder = os.environ['XDG_CONFIG_HOME'] + '/hercules-ci/'
print('Bearer', json.load(open(folder + 'credentials.json'))['domains']['hercules-ci.com']['personalToken'])
print('Basic %s')
data = json.load(open(folder + 'secrets/github/neat-org/secrets.json'))['a']['data']
print(json.dumps(data), json.dumps(json.dumps(data)), repr(data), json.loads(data['file'])['inner'])
time.sleep(0.5)
'''


def test_templates_that_fail_and_files_that_cannot_be_decrypted(theatre: Theatre) -> None:
    """Preflight names them. It looks at the hosts that a limit leaves out too, and asks there for no value that only they need."""
    inventory = theatre.stage / 'host_vars'
    inventory.mkdir()
    vaulted = (b'$ANSIBLE_VAULT;1.1;AES256\n' + b'3031323334\n' * 4).decode()
    (inventory / 'locked.yml').write_text(vaulted)
    (inventory / 'wrong.yml').write_text(yaml.safe_dump({'vault_x': 'CANARY{%x', 'nixops_agent_secrets': secrets({
        'a': '{{ vault_x }}', 'b': 'CANARY{{x', 'c': 'CANARY{#x#}y', 'd': '{{ vault_y }}',
    })}))
    check = {'nixcd.hercules_ci.nixops_preflight': {}, 'run_once': True, 'ignore_errors': True}
    place = {'path': str(theatre.folder / 'agent' / 'secrets.json')}
    named = [{'nixcd.hercules_ci.hci_secret': {**place, **options}, 'ignore_errors': True} for options in (
        {'secrets': 'nixops_agent_secrets'}, {'name': 'b', 'data': 'swallowed', 'condition': True}, {'name': 'c', 'data': 'undecided'},
    )]
    data = {'swallowed': {'x': '{{ vault_z }}'}, 'undecided': {'x': '{{ vault_w }}'}}
    variables = {**data, 'vault_z': 'CANARY{#x#}y', 'vault_w': 'CANARY{%x', 'ansible_connection': 'local'}
    hosts = {'hercules_agents': {'hosts': {'agent-1': {}, 'locked': {}, 'wrong': {}}, 'vars': variables}}
    output = theatre.play([check, *named], 'x', '--limit', 'agent-1:wrong', inventory=yaml.safe_dump(hosts))
    assert "['a']['data']['a']" in output and 'in vault_x' in output and "['a']['data']['b']" in output and 'host locked' in output
    alone = ' '.join(output.partition('TASK [nixcd.hercules_ci.hci_secret]')[2].split())
    assert "Where: undecided['x']" in alone and 'text with {% in it' in alone and "Where: swallowed['x']" in alone
    assert theatre.leaks() == []


def test_a_retried_task_has_its_values_and_shows_none(theatre: Theatre) -> None:
    """At the first try somebody else has the lock of the folder, or the file cannot be read."""
    folder = theatre.folder / 'agent'
    (folder / 'secrets.json').write_text('no JSON')
    mend = 'result is succeeded or lookup("ansible.builtin.pipe", "printf {} > %s") is none' % (folder / 'secrets.json')
    again = {'register': 'result', 'retries': 2, 'delay': 0, 'until': mend}
    output = theatre.play([{**TASK, **again}, {**AGENT, **again}, SAY], secrets(SECRET))
    assert output.count('FAILED - RETRYING') == 1 and output.count('changed: [agent-1]') == 2
    assert json.loads((folder / 'secrets.json').read_text())['a']['data'] == SECRET
    assert (folder / 'cluster-join-token.key').read_text() == 'CANARY-string\n'
    gone = {'nixcd.hercules_ci.hci_secret': {'path': '{{ folder }}/secrets.json', 'name': 'a', 'state': 'absent'}}
    theatre.play([{**gone, **again, 'until': 'result.removed == []'}], secrets(SECRET))
    assert json.loads((folder / 'secrets.json').read_text()) == {}
    assert theatre.leaks() == []
