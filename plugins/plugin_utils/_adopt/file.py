# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A file of effects that somebody wrote, as agents would evaluate it: its effects and its pins, as variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...module_utils._nix import adoption, checkout, tracked, walk
from ...module_utils._nix.ci_nix import REPOSITORY, path_to_root
from ...module_utils._nix.evaluation import Candidate
from ...module_utils._nix.pins import source
from ...module_utils._nix.recording import Recording, nixops_of, record
from ...module_utils._problems import fail
from ...module_utils._project import ProjectPath
from ...module_utils._refs import branch_ref
from .._yaml_edits.changes import Noted, Question
from .calls import PathBase
from .effects import AdoptedEffect, adopted_effects, schedules_of
from .hosts import Setting
from .sources import config_of, instances_of, others, pin_of, pins_of

# What no repository has: where it turns up in an argument, that was taken from the record of the repository.
REVISION = '5e5d0c0ffee5e5d0c0ffee5e5d0c0ffee5e5d0c0'
TOLD = {'remoteHttpUrl': 'https://nowhere.invalid/http.git', 'remoteSshUrl': 'ssh://git@nowhere.invalid/ssh.git', 'webUrl': 'https://nowhere.invalid/web'}
SECONDS = 1800.0


@dataclass(frozen=True)
class FromFile:
    """name: the file, relative to the checkout; empty where nobody wrote one. variables: those that all of its networks have."""

    name: str = ''
    effects: tuple[AdoptedEffect, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)


def from_file(setting: Setting) -> FromFile:
    """What the file of the checkout declares. Raises Failure where Nix cannot evaluate it."""
    if not setting.checkout:
        raise fail('Which ci.nix is adopted?', 'checkout', remedy='Set checkout to the working tree that has it.')
    root = Path(setting.checkout).resolve()
    if not root.is_dir():
        raise fail('There is no such folder.', str(root), remedy='Set checkout to the working tree that ci.nix belongs to.')
    name = adoption.foreign_file(root)
    if name is None:
        return FromFile()
    form = adoption.form_of(root) or 'legacy'
    file = name if name in checkout.CI_NIX else 'ci.nix'
    project = ProjectPath.parse(setting.project) if setting.project else None
    refs = dict.fromkeys([
        *checkout.branches(root), *map(branch_ref, setting.branches or ()), *walk.refs_of(root, name),
        adoption.ANOTHER_BRANCH, adoption.A_TAG,
    ])
    with tracked.as_agents_see_it(root) as seen:
        candidate = Candidate('', 'any', root / name, root, uris=('file://',), timeout=SECONDS, seen=seen if seen != root else None)
        if not (seen / name).is_file():
            raise fail('Git does not track the file, so agents do not have it.', str(root / name), remedy='git add it, or remove it.')
        recording = record(candidate, name, [walk.record(ref, project, REVISION, TOLD) for ref in refs])
        variable = REPOSITORY[form]
        facts = {REVISION: 'rev', REVISION[:7]: 'shortRev', **{value: fact for fact, value in TOLD.items()}}
        place = PathBase(recording.root, file, {value: '%s.%s' % (variable, fact) for value, fact in facts.items()}, variable)
        lock = _locked(root / 'flake.lock') if name == 'flake.nix' else {}
        nixops = _place_of_nixops(candidate, recording, place, lock)
    pins = pins_of(recording, lock, place, nixops)
    effects = adopted_effects(recording.found, list(refs), place, setting.branches)
    return FromFile(name, tuple(effects), _shared(setting, form, pins, schedules_of(recording.found), name))


def _place_of_nixops(candidate: Candidate, recording: Recording, place: PathBase, lock: Mapping[str, Any]) -> str | None:
    """The nixpkgs that NixOps 1 is from, if that is not the one of the library."""
    call = next((each.call for each in recording.found if each.call and each.call['nixops']), None)
    if call is None or not others(recording, call['nixpkgs']):
        return None
    up = path_to_root(place.file)
    known = [(each, pin_of(each['nixpkgs'], recording, lock)) for each in (
        *instances_of(call['nixpkgs'], recording)[:1], *others(recording, call['nixpkgs']))]
    sources = [(each['nixpkgs'], source(pin, up, 0), config_of([each], place)) for each, pin in known if pin]
    drvs = nixops_of(candidate, [(code, config) for _path, code, config in sources], call['system'])
    found = [path for (path, _code, _config), drv in zip(sources, drvs) if drv == call['nixops']]
    return found[0] if found and found[0] != call['nixpkgs'] else None


def _locked(path: Path) -> dict[str, Any]:
    """What flake.lock has for each input of the flake itself."""
    try:
        document = json.loads(path.read_text('utf-8'))
        nodes = document['nodes']
        return {name: nodes[node]['locked'] for name, node in nodes[document['root']]['inputs'].items() if isinstance(node, str)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _shared(setting: Setting, form: str, pins: Mapping[str, Any], schedules: Mapping[str, Any], name: str) -> dict[str, Any]:
    missing = [which for which in ('nixpkgs', 'effects') if which not in pins]
    said = 'Where does %s have %s from?' % (name, ' and '.join(missing))
    return {
        'nixops_project': setting.project or Question(
            'Which project on Hercules CI has the file?', 'nixops_project: github/OWNER/REPOSITORY'),
        'nixops_checkout': setting.checkout,
        'nixops_form': form,
        'nixops_adopt': Noted(True, ('ci.nix is replaced where Nix shows that the new one means the same as %s.' % name,)),
        **({'nixops_pins': dict(pins)} if not missing else {'nixops_pins': Question(said, 'nixops_pins: {nixpkgs: …, effects: …}')}),
        **({'nixops_schedules': dict(schedules)} if schedules else {}),
    }


def with_state(effect: AdoptedEffect, more: Mapping[str, Any]) -> AdoptedEffect:
    """The effect with what is known of its state: Hercules CI has it, as it deploys it already, unless something else is known."""
    own = {} if effect.deployment is None else {'nixops_state': 'present'}
    return replace(effect, variables={**effect.variables, **(more or own)})
