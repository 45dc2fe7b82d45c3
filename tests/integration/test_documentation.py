# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of guides and EXAMPLES, as they stand there, played in check mode against a Hercules CI that has deployed the example.

That is all of them that need neither a template nor something that is not in this world, in one play. What they return is compared with
what the module's documentation says that it returns; one that fails says why, in the way of this collection.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.surroundings import ROOT
from tests.support.world import PROJECT, World
from tests.unit.documentation.blocks import blocks
from tests.unit.documentation.text import constant, is_template, read

COLLECTION = 'nixcd.hercules_ci'

# hci_effect needs the program hci; the tasks of agents write for a user that is not here; the others are about their own checkout or play.
MODULES = {'hci_job', 'hci_job_info', 'hci_secret_info', 'nixops_report', 'nixops_state', 'nixops_state_fetch', 'nixops_state_info'}


def has_template(value: Any) -> bool:
    """Whether the task wants to know something of the play that it stands in."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return is_template(value) or any(map(has_template, values))


def tasks() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where it stands, its module, and the task."""
    for block in blocks():
        if not block.language.startswith('yaml') or block.file.startswith('roles/'):
            continue
        for document in read(block.text):
            for task in document if isinstance(document, list) else ():
                for module in MODULES:
                    if '%s.%s' % (COLLECTION, module) in task and not has_template(task):
                        yield '%s: %s' % (block, task['name']), module, task


def returned(module: str) -> set[str]:
    """What the module says that it returns whenever it succeeds."""
    text = constant(ROOT / 'plugins' / 'modules' / ('%s.py' % module), 'RETURN')
    always = ('success', 'always', 'when the options are valid')
    return {name for name, value in yaml.safe_load(text).items() if value['returned'] in always}


def add_foo(world: World) -> None:
    """The deployment of the documentation, in NixOps' own database and on Hercules CI, in seven versions."""
    database = world.folder / 'home' / '.nixops' / 'deployments.nixops'
    database.parent.mkdir()
    shutil.copyfile(world.database, database)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("update DeploymentAttrs set value = 'foo' where name = 'name' and value = 'aws-prod'")
        connection.commit()
    state = world.sandbox.states(PROJECT, 'nixops-aws-prod.json')[0].replace(b'"aws-prod"', b'"foo"')
    for _version in range(7):
        world.sandbox.put_state(PROJECT, 'nixops-foo.json', state)


def test_the_tasks_of_the_documentation(deployed: World) -> None:
    add_foo(deployed)
    found = list(tasks())
    assert len(found) > 15
    answers = deployed.folder / 'answers.json'
    played = [{**task, 'register': 'answer_%d' % number, 'ignore_errors': True} for number, (_where, _module, task) in enumerate(found)]
    content = '{{ [%s] | to_json }}' % ', '.join('answer_%d' % number for number in range(len(found)))
    play = {
        'name': 'Play the documentation', 'hosts': 'localhost', 'gather_facts': False, 'check_mode': True,
        'module_defaults': {'group/%s.hercules_ci' % COLLECTION: {'api_base_url': deployed.sandbox.url}},
        'tasks': [*played, {'name': 'Keep', 'ansible.builtin.copy': {'content': content, 'dest': str(answers), 'mode': '0600'},
                            'check_mode': False}],
    }
    path = deployed.folder / 'documentation.yml'
    path.write_text(yaml.safe_dump([play], sort_keys=False))
    ended = deployed.play(playbook=str(path))
    assert ended.code == 0, ended.output
    succeeded = set()
    for (where, module, _task), answer in zip(found, json.loads(answers.read_text())):
        if answer.get('failed'):
            assert answer.get('problems'), '%s: %s' % (where, answer)
        else:
            assert returned(module) <= set(answer), '%s: %s' % (where, sorted(returned(module) - set(answer)))
            succeeded.add(module)
    assert succeeded == MODULES
