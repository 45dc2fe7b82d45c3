# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of Nix that refuses, without Nix. What it evaluates is tested with nixops_effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import evaluation
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.evaluation import Candidate
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem

HASHES = '#!/bin/sh\necho "error: getting status of $4: No such file or directory" >&2\nexit 1\n'


def test_a_folder_that_nix_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('nix-instantiate', 'nix-hash'):
        (tmp_path / name).write_text(HASHES)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(Failure, match=r'Nix cannot read the folder. Where: /absent. Found: error: getting status of \S+: No such file'):
        evaluation.hash_of_folder('/absent')


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Networks by the names of their effects, and how much Nix can say of each: `all`, `machines` alone, their `names`, or `nothing`."""
    networks: dict[str, list[str]] = {}

    def answer(_candidate: Candidate, text: str) -> list[dict[str, Any]]:
        found = []
        wanted = [line.split('"')[1::2] for line in text.rpartition('concatLists')[2].split('(prebuilt') if '"' in line]
        for detail, ref, job, name in wanted:
            if detail not in networks[name]:
                raise Failure((Problem('This network is broken.', '%s of %s' % (detail, name)),))
            network = {'detail': detail, 'machines': {'web': {'type': 'none', 'system': None, 'accessKey': None}}, 'resources': {}}
            found.append({'ref': ref, 'job': job, 'name': name, 'path': name, 'runs': True, 'attributes': {}, 'secrets': {},
                          'network': network if detail != 'nothing' else {}})
        return found

    monkeypatch.setattr(evaluation, 'ask', answer)
    return networks


CANDIDATE = Candidate('{ }', 'legacy', Path('/srv/neat/ci.nix'), Path('/srv/neat'))


def prebuild(*names: str) -> dict[str, bool | None]:
    """Whether each network is known with all that is in it; None where nothing is known of it."""
    found = evaluation.prebuild(CANDIDATE, {('default', name): 'refs/heads/main' for name in names})
    return {name: each.network.known if each.network else None for (_job, name), each in found.items()}


def test_a_network_that_can_be_prebuilt_is_known_as_far_as_nix_can_tell(asked: dict[str, list[str]]) -> None:
    asked.update({'whole': ['all'], 'values': ['nothing', 'names', 'machines'], 'machines': ['nothing', 'names'], 'little': ['nothing']})
    assert prebuild('little') == {'little': None}
    assert prebuild('whole', 'values', 'machines', 'little') == {'whole': True, 'values': False, 'machines': False, 'little': None}


def test_each_network_that_cannot_be_prebuilt_is_told_once(asked: dict[str, list[str]]) -> None:
    asked.update({'one': [], 'good': ['all'], 'two': []})
    with pytest.raises(Failure) as raised:
        prebuild('one', 'good', 'two')
    assert [problem.where for problem in raised.value.problems] == ['nothing of one', 'nothing of two']
