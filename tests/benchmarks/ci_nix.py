# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a ci.nix of many networks costs: rendered, evaluated by one Nix process, and as a task beside ansible.builtin.template.

Run from the repository's root: python -m tests.benchmarks.ci_nix [NETWORKS]
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sandbox import pins as sandbox_pins
from tests.support.collection import collection_parent

BRANCHES = ('main', 'staging', 'production')
TEMPLATE = Path(__file__).with_name('ci_nix.nix.j2').resolve()


def networks(count: int) -> list[dict[str, Any]]:
    return [{
        'name': 'network-%05d' % number, 'deployment': 'deployment-%05d' % number, 'run_on': {'branches': [BRANCHES[number % 3]]},
        'network_files': ['network.nix', 'network-aws.nix'], 'network_args': {'size': str(number)},
        'prebuild_only_network_files': ['network-stub.nix'], 'user_setup_script': 'writeAWSSecret aws default',
        'secrets_map': {'aws': 'neat-aws'},
    } for number in range(count)]


def checkout(folder: Path) -> Path:
    folder.mkdir()
    for name in ('network.nix', 'network-aws.nix', 'network-stub.nix'):
        (folder / name).write_text('{ ... }: { }\n')
    for command in (['init', '-q'], ['add', '.']):
        subprocess.run(['git', '-C', str(folder), *command], check=True)
    return folder


def seconds(action: Callable[[], Any], times: int = 3) -> float:
    """The shortest of some runs: what the work costs when nothing else disturbs it."""
    measured = []
    for _time in range(times):
        start = time.perf_counter()
        action()
        measured.append(time.perf_counter() - start)
    return min(measured)


def library_cost(folder: Path, pins: dict[str, Any], count: int) -> tuple[float, float]:
    """Seconds to render, and to parse and evaluate."""
    nix = 'ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.'
    ci_nix, effect_file = importlib.import_module(nix + 'ci_nix'), importlib.import_module(nix + 'effect_file')
    effects = networks(count)
    options = {
        'checkout': str(folder), 'file': None, 'form': 'legacy', 'pins': pins, 'effects': effects, 'schedules': {}, 'project': None,
        'inventory_hosts': [], 'validate': 'evaluate', 'validate_timeout': 600, 'refs': [], 'force': False, 'state': 'present',
    }
    change = effect_file.plan(options)
    return (
        seconds(lambda: ci_nix.render(effects, 'legacy', 'ci.nix', chosen_pins=pins)),
        seconds(lambda: effect_file.prove(change, options)),
    )


def task_costs(folder: Path, pins: dict[str, Any], count: int, parent: str) -> None:
    variables = folder.parent / 'variables.json'
    values = {'pins': pins, 'effects': networks(count), 'ansible_python_interpreter': sys.executable}
    variables.write_text(json.dumps(values))
    tasks = {
        'no task': [],
        'template': [{'ansible.builtin.template': {'src': str(TEMPLATE), 'dest': str(folder / 'template.nix'), 'mode': '0644'}}],
        'nixops_effect': [{'nixcd.hercules_ci.nixops_effect': {
            'checkout': str(folder), 'file': 'ci.nix', 'form': 'legacy', 'pins': '{{ pins }}', 'effects': '{{ effects }}',
            'validate': 'none',
        }}],
    }
    environment = {**os.environ, 'ANSIBLE_COLLECTIONS_PATH': parent, 'ANSIBLE_LOCALHOST_WARNING': 'false'}
    taken = {}
    for name, task in tasks.items():
        playbook = folder.parent / 'playbook.json'
        playbook.write_text(json.dumps([{
            'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'vars_files': [str(variables)], 'tasks': task,
        }]))
        command = [str(Path(sys.executable).with_name('ansible-playbook')), '-i', 'localhost,', str(playbook)]
        taken[name] = seconds(lambda command=command: subprocess.run(command, env=environment, check=True, capture_output=True))
    print('\nas a task, %d networks, validate: none' % count)
    for name in ('template', 'nixops_effect'):
        print('%-14s %6.2f s' % (name, taken[name] - taken['no task']))
    same = (folder / 'template.nix').read_text() == (folder / 'ci.nix').read_text()
    print('both wrote the same file' if same else 'the files differ')


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    parent = str(collection_parent())
    sys.path.insert(0, parent)
    with tempfile.TemporaryDirectory() as scratch:
        made = sandbox_pins.make(Path(scratch) / 'pins')
        pins = {name: made[name] for name in ('nixpkgs', 'effects')}
        folder = checkout(Path(scratch) / 'checkout')
        print('networks   render   each      parse and evaluate for %d refs   each' % (len(BRANCHES) + 1))
        for count in sorted({max(most // 100, 1), max(most // 10, 1), most}):
            render, evaluate = library_cost(folder, pins, count)
            print('%8d  %6.3f s  %4.0f µs  %24.2f s  %13.2f ms' % (count, render, render / count * 1e6, evaluate, evaluate / count * 1e3))
        task_costs(folder, pins, most, parent)


if __name__ == '__main__':
    main()
