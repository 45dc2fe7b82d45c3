# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a command of the documentation can be given: by the parser of the program where that is here, else by a list with its reason."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import yaml
from ansible.parsing.splitter import parse_kv

from tests.sandbox.__main__ import parser
from tests.support.surroundings import ROOT
from tests.unit.documentation.blocks import PLUGINS
from tests.unit.documentation.documents import PLAYBOOKS
from tests.unit.documentation.plugins import COLLECTION, VARIABLES, of_module, require, require_variables

# Programs that are not here, or whose effect on the machine of whoever runs the tests is none of a test's business.
UNPARSED = {
    ('hci', 'login'): 'opens a browser',
    ('nixops', 'import'): 'NixOps is in no registry that tests reach; the sandbox has a stand-in that deploys take this way',
    ('nixops', 'deploy'): 'the same',
    ('ansible-builder', 'build'): 'builds an image; the gate ee-check has the file read by ansible-builder',
    ('ansible-navigator', 'run'): 'its settings are in examples/fleet/ansible-navigator.yml',
    ('ansible-runner', 'run'): 'is run in tests/integration/test_runner.py, by its Python interface',
    ('pre-commit', 'install'): 'a hook in the clone of a contributor',
}
GIT = {'clone', 'add', 'commit', 'push', 'pull', 'init', 'rm', 'switch', 'merge', 'checkout', 'revert'}
FILES = {'cd', 'cp', 'mkdir', 'rm'}
CONSTANT_TAGS = {'always', 'never', 'all'}


class NotRight(AssertionError):
    """A command that cannot be given."""


def commands(text: str) -> Iterator[str]:
    """What is typed in a block; a line that ends with a backslash goes on."""
    for line in text.replace('\\\n', ' ').splitlines():
        if line.startswith('$ '):
            yield line[2:]


def parsed(name: str, arguments: list[str]) -> Any:
    """What Ansible's own program makes of arguments. The class is asked, as the program would keep the options for all tests."""
    module = importlib.import_module('ansible.cli.%s' % name)
    (program,) = (value for key, value in vars(module).items() if key.lower() == '%scli' % name)
    program_instance = program(['ansible', *arguments])
    program_instance.init_parser()
    try:
        return program_instance.parser.parse_args(arguments)
    except SystemExit:
        raise NotRight('ansible %s does not take: %s' % (name, ' '.join(arguments))) from None


@cache
def tags() -> set[str]:
    """All that playbooks and the role have."""
    found: set[str] = set()
    for folder in ('playbooks', 'roles'):
        for path in (ROOT / folder).rglob('*.yml'):
            for names in re.findall(r'^\s*tags: \[(.*)\]', path.read_text(), re.MULTILINE):
                found.update(name.strip() for name in names.split(','))
    return found - CONSTANT_TAGS


def require_playbook(arguments: list[str]) -> None:
    """A playbook that there is, with tags and variables that there are."""
    options = parsed('playbook', arguments)
    for playbook in options.args:
        name = playbook.removeprefix(COLLECTION + '.')
        assert playbook.endswith('.yml') or (playbook.startswith(COLLECTION) and name in PLAYBOOKS), playbook
    given = {tag for value in (*options.tags, *options.skip_tags) for tag in value.split(',')}
    assert given - CONSTANT_TAGS <= tags(), sorted(given - tags())
    extra: dict[str, Any] = {}
    for text in options.extra_vars:
        extra.update(yaml.safe_load(text) if text.startswith('{') else parse_kv(text))
    unknown = {name for name in extra if name.startswith('nixops_')} - set(VARIABLES) - playbook_variables()
    assert not unknown, sorted(unknown)
    require_variables({name: value for name, value in extra.items() if name in VARIABLES})


@cache
def playbook_variables() -> set[str]:
    """The variables that playbooks themselves ask for."""
    return {name for path in (ROOT / 'playbooks').glob('*.yml') for name in re.findall(r'\bnixops_\w+', path.read_text())}


def require_ad_hoc(arguments: list[str]) -> None:
    """A module that there is, with options that it takes."""
    options = parsed('adhoc', arguments)
    found = of_module(options.module_name)
    if found is not None:
        require(parse_kv(options.module_args), found.options, found.rules)


def require_documentation(arguments: list[str]) -> None:
    """Plugins that there are."""
    for name in parsed('doc', arguments).args:
        short = name.removeprefix(COLLECTION + '.')
        assert short in {plugin for _kind, plugin in PLUGINS} | {'nixops'}, name


def require_targets(arguments: list[str]) -> None:
    """Targets that the Makefile has; what comes before belongs to them."""
    known = set(re.findall(r'^([a-z-]+):.*##', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    targets = {argument for argument in arguments if '=' not in argument}
    assert targets <= known, sorted(targets - known)


def require_packages(words: list[str]) -> None:
    """What pip and pipx install is what the collection says that it needs."""
    needed = {line.split('>')[0] for line in (ROOT / 'meta' / 'ee-requirements.txt').read_text().splitlines() if line and line[0] != '#'}
    assert words[0] in ('install', 'inject'), words
    packages = {word for word in words[1:] if not word.startswith('-')} - {'.'}
    assert packages <= needed | {'ansible-core', 'ansible-navigator'}, sorted(packages - needed)


def require_sandbox(arguments: list[str]) -> None:
    """The sandbox is asked."""
    assert arguments[:2] == ['-m', 'tests.sandbox'], arguments
    parser().parse_args([argument for argument in arguments[2:] if argument != '&'])


def _known(names: set[str], words: list[str]) -> None:
    assert words[0] in names, words


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    'ansible-playbook': require_playbook,
    'ansible': require_ad_hoc,
    'ansible-doc': require_documentation,
    'make': require_targets,
    'python': require_sandbox,
    'pip': require_packages,
    'pipx': require_packages,
    'git': partial(_known, GIT),
    **{'ansible-%s' % name: partial(parsed, name) for name in ('galaxy', 'inventory', 'vault')},
}


def require_command(command: str) -> None:
    """The program is known, and takes the arguments."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):  # variables of its environment
        words = words[1:]
    program, arguments = words[0], [word for word in words[1:] if word not in ('<', '>')]
    if program in FILES or tuple(words[:2]) in UNPARSED:
        return
    if program not in PROGRAMS:
        raise NotRight('nothing is known of the program %s' % program)
    PROGRAMS[program](arguments)
