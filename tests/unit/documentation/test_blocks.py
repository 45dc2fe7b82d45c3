# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of code in README, guides and EXAMPLES is checked by what reads its language; one that nothing here reads fails.

Those that can be run against the sandbox are run in tests/integration/test_documentation.py.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.support.as_written import as_written
from tests.support.surroundings import ROOT
from tests.unit.documentation.blocks import LITERAL, PLUGINS, Block, blocks, guides, markdown_files
from tests.unit.documentation.commands import commands, playbook_variables, require_command
from tests.unit.documentation.documents import PLAYBOOKS, require_templates, require_yaml
from tests.unit.documentation.plugins import COLLECTION, VARIABLES
from tests.unit.documentation.printed import PRINTED
from tests.unit.documentation.text import read

BLOCKS = list(blocks())


def check_yaml(block: Block, folder: Path) -> None:
    require_yaml(block.text, folder)


def check_console(block: Block, _folder: Path) -> None:
    given = list(commands(block.text))
    assert given, 'no line begins with "$ "'
    shown = [line for line in block.text.replace('\\\n', ' ').splitlines() if line and not line.startswith('$ ')]
    assert not shown, 'what is printed stands in a block of its own, of the language text: %s' % shown
    for command in given:
        require_command(command)


def check_ini(block: Block, _folder: Path) -> None:
    """The settings are Ansible's."""
    require_settings(block.text)


def check_nix(block: Block, _folder: Path) -> None:
    command = ['nix-instantiate', '--parse', '-']
    subprocess.run(command, input=block.text.encode(), env={**os.environ, 'NIX_REMOTE': 'dummy://'}, check=True, capture_output=True)


def check_text(block: Block, _folder: Path) -> None:
    """What is printed is compared with what the code prints, or with a run; PRINTED says where."""
    first = block.text.split('\n', 1)[0]
    printed = PRINTED[first]
    if callable(printed):
        assert block.text.split() == printed().split()  # a guide may wrap a line
    else:
        file, test = printed.split('::')
        assert 'def %s(' % test in (ROOT / file).read_text()


def check_python(block: Block, _folder: Path) -> None:
    compile(block.text, str(block), 'exec')


CHECKS: dict[str, Callable[[Block, Path], None]] = {
    'yaml': check_yaml, 'yaml+jinja': check_yaml, 'console': check_console, 'ini': check_ini, 'nix': check_nix, 'text': check_text,
    'python': check_python,
}


def require_settings(text: str) -> None:
    """Sections and names of an ansible.cfg are those that Ansible reads."""
    settings = configparser.ConfigParser(inline_comment_prefixes=(';',))
    settings.read_string(text)
    definitions = constants.config.get_configuration_definitions(ignore_private=True).values()
    known = {(place['section'], place['key']) for definition in definitions for place in definition.get('ini', [])}
    known |= {('ssh_connection', 'pipelining'), ('defaults', 'callback_result_format')}  # of plugins
    assert {(section, key) for section in settings.sections() for key in settings[section]} <= known


@pytest.mark.parametrize('block', BLOCKS, ids=str)
def test_a_block_is_good(block: Block, tmp_path: Path) -> None:
    CHECKS[block.language](block, tmp_path)


SHOWN = re.compile(r'^ *# → (.*)\n *(msg|content): "(.*)"$', re.MULTILINE)
GROUPS = {'webservers': ['web-1', 'web-2']}


@pytest.mark.parametrize('block', [block for block in BLOCKS if SHOWN.search(block.text)], ids=str)
def test_an_example_prints_what_stands_beside_it(block: Block) -> None:
    for shown, option, quoted in SHOWN.findall(block.text):
        template = yaml.safe_load('"%s"' % quoted)
        options = ((task, value) for task in read(block.text)[0] for value in task.values() if isinstance(value, dict))
        (task,) = (task for task, values in options if values.get(option) == template)
        variables = as_written({'groups': GROUPS, **task.get('vars', {})})
        found = Templar(loader=DataLoader(), variables=variables).template(as_written(template))
        if shown.endswith(' on lines of their own'):
            assert found.split() == shown.removesuffix(' on lines of their own').split()
        else:
            assert found == json.loads(shown)


def test_no_block_is_missed() -> None:
    """Each fence and directive, in any spelling, is a block; there is no code without a language."""
    for path in (*markdown_files(), *guides()):
        text = path.read_text(encoding='utf-8')
        name = str(path.relative_to(ROOT))
        fences = len(re.findall(r'^\s*(?:```|~~~)', text, re.MULTILINE)) // 2
        openings = fences + len(re.findall(r'\.\. (?:code|sourcecode|literalinclude)', text))
        assert openings == len([block for block in BLOCKS if block.file == name]), name
        assert path.suffix == '.md' or not LITERAL.search(text), name


@pytest.mark.parametrize('path', (*markdown_files(), *guides()), ids=lambda path: path.name)
def test_every_name_in_the_text_is_one_that_there_is(path: Path) -> None:
    """Playbooks, modules, plugins and variables, also where they stand in a sentence."""
    text = path.read_text(encoding='utf-8')
    known = PLAYBOOKS | {name for _kind, name in PLUGINS} | {'nixops', 'hercules_ci', 'docsite', 'secrets'}
    named = set(re.findall(r'(?<![\w.])%s\.(\w+)' % re.escape(COLLECTION), text))
    assert named <= known, sorted(named - known)
    variables = set(re.findall(r'(?<![\w./-])nixops_[a-z_]+[a-z](?![\w/-])', text))
    others = {name for _kind, name in PLUGINS} | {'nixops_networks', 'nixops_machine'} | ELSEWHERE | playbook_variables()
    assert variables <= set(VARIABLES) | others, sorted(variables - set(VARIABLES) - others)


ELSEWHERE = {'nixops_program', 'nixops_directory'}  # options of nixops_state


def test_a_block_of_no_known_kind_fails(tmp_path: Path) -> None:
    """So that somebody who adds one has to say how it is checked."""
    with pytest.raises(AssertionError, match='it is not known what this is'):
        require_yaml('colour: blue\n', tmp_path)
    with pytest.raises(AssertionError, match='nothing is known of the program'):
        require_command('nonsense --help')
    with pytest.raises(AssertionError, match='patience'):
        require_yaml('- name: Wait\n  nixcd.hercules_ci.hci_job: {project: github/a/b, branch: main, patience: 3}\n', tmp_path)
    with pytest.raises(AssertionError, match='nixops_brunches'):
        require_yaml('neat:\n  nixops_brunches: [main]\n', tmp_path)
    for command in ('ansible-playbook -i inventory nixcd.hercules_ci.sight', 'ansible-playbook --no-such-option nixcd.hercules_ci.site',
                    'ansible-playbook nixcd.hercules_ci.site --tags no_such_phase', 'ansible-playbook nixcd.hercules_ci.site -e nixops_x=1',
                    'ansible all -m nixcd.hercules_ci.hci_secret -a nome=x', 'make no-such-target', 'pip install no-such-package'):
        with pytest.raises(AssertionError):
            require_command(command)


def test_the_examples_are_good_as_well(tmp_path: Path) -> None:
    fleet = ROOT / 'examples' / 'fleet'
    require_settings((fleet / 'ansible.cfg').read_text())
    for path in sorted((fleet / 'inventory' / 'group_vars').rglob('*.yml')):
        for document in read(path.read_text()):
            require_templates(document)
