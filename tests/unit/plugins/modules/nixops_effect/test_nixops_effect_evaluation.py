# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the real Nix says that effects will read and deploy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix, deployments, evaluation
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import (
    BuiltMachine,
    BuiltNetwork,
    EvaluatedEffect,
    Resource,
)
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

from .conftest import EFFECT

PRODUCTION = 'refs/heads/production'
TWO = {'name': 'two', 'function': 'runNixOps2', 'network_files': ['nixops.nix'], 'run_on': {'branches': ['production']}}
OTHER = {'name': 'put', 'function': 'mkEffect', 'run_on': {'any_ref': True}, 'arguments': {'name': 'x', 'effectScript': 'true'}}
NETWORK = '''{ ... }: {
  web = { ... }: { deployment.targetEnv = "ec2"; deployment.ec2.accessKeyId = "production"; deployment.ec2.region = "eu-west-1"; };
  db = { ... }: { services.postgresql.enable = true; };
  resources.ec2KeyPairs.deployer = { accessKeyId = "AKIAFAKEFAKEFAKEFAKE"; region = "eu-west-1"; };
  resources.elasticIPs.front = { region = "eu-west-1"; };
}
'''
BROKEN = '''
  function: arguments:
    let
      effect = function arguments;
      info = effect.prebuilt.machineInfo;
      changed = node: node // { config = node.config // { deployment = node.config.deployment // { %s }; }; };
    in
    effect // { prebuilt = effect.prebuilt // { machineInfo = info // { nodes = builtins.mapAttrs (_: changed) info.nodes; }; }; }
'''
CONDITION = '%%(repository)s.branch != null && %%(repository)s.rev != "%s"' % ('a' * 40)
Candidates = Callable[..., evaluation.Candidate]


@pytest.fixture
def candidate(
    checkout: Path, tarballs: dict[str, dict[str, str]], nix_store: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> Candidates:
    """candidate(effects) is a ci.nix of these effects; candidate(text=…) one that somebody wrote."""
    for name, value in nix_store.items():
        monkeypatch.setenv(name, value)
    pins = {name: tarballs[name] for name in ('nixpkgs', 'effects')}

    def made(effects: Sequence[dict[str, Any]] = (EFFECT,), form: str = 'legacy', text: str = '', **options: Any) -> evaluation.Candidate:
        return evaluation.Candidate(
            text=text or ci_nix.render(effects, form, 'ci.nix', chosen_pins=pins), form=form, path=checkout / 'ci.nix', checkout=checkout,
            uris=tuple(pin['url'] for pin in pins.values()), **options,
        )
    return made


def prebuilt(candidate: evaluation.Candidate, *names: str) -> list[EvaluatedEffect]:
    found = evaluation.prebuild(candidate, {('default', name): PRODUCTION for name in names})
    return [found['default', name] for name in names]


def test_an_effect_says_which_state_it_reads(candidate: Candidates) -> None:
    effects = [
        EFFECT,
        {**EFFECT, 'name': 'other', 'state_name': 'x.json', 'known_hosts_name': 'x.hosts', 'effect_deployment': 'c0', 'action': 'build'},
        TWO, {**TWO, 'name': 'named', 'deployment': 'prod'},
        OTHER,
    ]
    found = {effect.name: effect for effect in evaluation.evaluate(candidate(effects), [PRODUCTION])[PRODUCTION]}
    keys = ('function', 'state_name', 'known_hosts_name', 'deployment', 'action')
    assert {name: tuple(getattr(effect, key) for key in keys) for name, effect in found.items()} == {
        'neat-network': ('runNixOps', 'nixops-foo.json', 'nixops-foo.known_hosts', 'foo', 'switch'),
        'other': ('runNixOps', 'x.json', 'x.hosts', 'c0', 'build'),
        'two': ('runNixOps2', None, None, None, 'switch'),
        'named': ('runNixOps2', None, None, 'prod', 'switch'),
        'put': (None, None, None, None, None),
    }
    assert found['neat-network'].secrets_map == {'aws': 'neat-aws'}
    assert all(effect.network is None for effect in found.values())


def test_a_network_says_what_is_in_it(candidate: Candidates, checkout: Path) -> None:
    (checkout / 'network-aws.nix').write_text(NETWORK)
    (checkout / 'nixops.nix').write_text('''{
      network.storage.hercules-ci.stateName = "theirs.json";
      network.lock.hercules-ci.stateName = "theirs.lock";
      machine = { ... }: { deployment.targetEnv = "hetznercloud"; };
    }''')
    one, two = prebuilt(candidate([EFFECT, TWO]), 'neat-network', 'two')
    assert one.network is not None and two.network is not None
    assert {name: (machine.type, machine.access_key) for name, machine in one.network.machines.items()} == {
        'web': ('ec2', 'production'), 'db': ('none', ''), 'machine': ('none', ''),
    }
    assert one.network.resources == {
        'deployer': Resource('ec2KeyPairs', 'AKIAFAKEFAKEFAKEFAKE'), 'front': Resource('elasticIPs', ''),
    }
    systems = [machine.system or '' for machine in one.network.machines.values()]
    assert len(set(systems)) == 3 and all('-nixos-system-' in system for system in systems)
    assert one.network.known and (one.state_name, one.lock, one.runs, one.deployment) == ('nixops-foo.json', None, True, 'foo')
    assert (two.state_name, two.lock, two.network.machines['machine'].type) == ('theirs.json', 'theirs.lock', 'hetznercloud')
    assert 'AKIA' not in str(one.as_dict())


def test_the_same_configuration_has_the_same_path(candidate: Candidates, checkout: Path) -> None:
    def system(text: str) -> str | None:
        (checkout / 'network-aws.nix').write_text(text)
        network = prebuilt(candidate(), 'neat-network')[0].network
        assert network
        return network.machines['web'].system

    assert system(NETWORK) == system('# comment\n' + NETWORK) != system(NETWORK.replace('eu-west-1', 'eu-west-2'))


@pytest.mark.parametrize(('what', 'types', 'resources', 'known'), [
    ('ec2.accessKeyId = throw "no";', True, True, True),  # what NixOps does not say either is not known, and no more
    ('ec2.accessKeyId = 1 + "x";', True, False, False),  # an error that Nix cannot catch
    ('ec2.accessKeyId = abort "no";', True, False, False),
    ('targetEnv = builtins.nosuch;', False, False, False),
])
def test_what_does_not_evaluate_is_not_known_and_hides_nothing_else(
    candidate: Candidates, checkout: Path, what: str, types: bool, resources: bool, known: bool,
) -> None:
    # A stand-in evaluates all that is defined when it prebuilds; this is broken where only NixOps itself looks.
    (checkout / 'network-aws.nix').write_text(NETWORK)
    text = candidate().text
    broken = text.replace(' runNixOps {', '(%s) runNixOps {' % (BROKEN % what))
    assert broken != text
    found = prebuilt(candidate(text=broken), 'neat-network')[0]
    assert found.state_name == 'nixops-foo.json'
    assert found.network and set(found.network.machines) == {'machine', 'web', 'db'}
    assert (found.network.machines['db'].type == 'none') is types
    assert bool(found.network.resources) is resources
    assert found.network.known is known


def test_a_network_that_is_not_prebuilt_is_not_known(candidate: Candidates) -> None:
    effects = [{**EFFECT, 'prebuild': False}, OTHER, {**TWO, 'name': 'again'}]
    found = evaluation.prebuild(candidate(effects), {('default', name): PRODUCTION for name in ('neat-network', 'put', 'again')})
    assert set(found) == {('default', 'again')}


def test_one_broken_network_is_still_told_as_such(candidate: Candidates, checkout: Path) -> None:
    (checkout / 'network-aws.nix').write_text('{ ... }: { machine = { ... }: { networking.hostName = throw "broken"; }; }')
    with pytest.raises(Failure, match='broken') as caught:
        prebuilt(candidate([EFFECT, TWO]), 'neat-network', 'two')
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize('form', ['legacy', 'herculesCI'])
def test_nix_decides_what_runs_on_branches_that_nobody_names(candidate: Candidates, form: str) -> None:
    condition = CONDITION % {'repository': ci_nix.REPOSITORY[form]}
    effects = [{**EFFECT, 'run_on': {'branches': ['prod*']}}, {**TWO, 'run_on': {'condition': condition}}]
    refs = ['refs/heads/prod', 'refs/heads/other', 'refs/tags/v1']
    # A file of any form is read as an agent would read it.
    made = candidate(effects, form)
    for form_given in (form, 'any'):
        for rev, runs in (('a' * 40, [['neat-network'], [], []]), ('b' * 40, [['neat-network', 'two'], ['two'], []])):
            asked = candidate(effects, form_given, text=made.text, rev=rev)
            found = evaluation.evaluate(asked, refs)
            assert [[effect.name for effect in found[ref] if effect.runs] for ref in refs] == runs
            assert all({effect.name for effect in found[ref]} == {'neat-network', 'two'} for ref in refs)


HAND_WRITTEN = '''{ src ? { ref = null; } }:
let
  effect = name: derivation { inherit name; system = "x"; builder = "y"; stateName = "${name}.json"; knownHostsName = "h"; } // {
    isEffect = true;
  };
in {
  always = effect "always";
  nested = { recurseForDerivations = true; deep = { recurseForDerivations = true; run = effect "deep"; prebuilt = throw "not now"; }; };
  skipped = { run = effect "skipped"; };
  package = derivation { name = "p"; system = "x"; builder = "y"; };
  text = "x";
  not = { recurseForDerivations = true; dependencies = throw "not now"; };
}'''


def test_effects_are_found_where_an_agent_finds_them(candidate: Candidates) -> None:
    found = evaluation.evaluate(candidate(form='any', text=HAND_WRITTEN), [PRODUCTION])[PRODUCTION]
    assert [(effect.name, effect.path, effect.runs, effect.state_name) for effect in found] == [
        ('always', 'always', True, 'always.json'), ('nested.deep', 'nested.deep.run', True, 'deep.json'),
        ('not', 'not.dependencies', False, None),
    ]


def test_a_job_without_effects_and_one_that_is_off_have_none(candidate: Candidates) -> None:
    text = '{ herculesCI = { onPush = { a.outputs = { packages = { }; }; b = { enable = false; outputs = throw "off"; }; }; }; }'
    assert evaluation.evaluate(candidate(form='any', text=text), [PRODUCTION]) == {PRODUCTION: []}


def answer(**found: Any) -> dict[str, Any]:
    return {'job': 'default', 'name': 'n', 'path': 'n.run', 'runs': True, 'attributes': {}, 'secrets': {}, **found}


def test_what_is_no_text_is_not_known() -> None:
    attributes = {'stateName': 5, 'knownHostsName': None, 'NIXOPS_DEPLOYMENT': ['x'], 'action': {}}
    network = {'detail': 'all', 'storage': {'hercules-ci': {'stateName': 1}}, 'lock': None, 'resources': {},
               'machines': {'web': {'type': None, 'system': 5, 'accessKey': None}}}
    found = deployments.evaluated(PRODUCTION, answer(attributes=attributes, network=network))
    assert (found.state_name, found.known_hosts_name, found.deployment, found.action, found.lock) == (None, None, None, None, None)
    assert found.network == BuiltNetwork({'web': BuiltMachine(None)})


def test_of_two_kinds_with_one_name_the_last_counts() -> None:
    resources = {'vpc': {'net': {'accessKey': None}}, 'ec2KeyPairs': {'net': {'accessKey': 'a'}}}
    network = {'detail': 'all', 'storage': {}, 'lock': {}, 'machines': {}, 'resources': resources}
    assert deployments.evaluated(PRODUCTION, answer(network=network)).network == BuiltNetwork({}, {'net': Resource('vpc')})
