# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file reads as in the guide, and says to Nix exactly what the inventory says."""

from __future__ import annotations

import difflib
import random
import re
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix, functions
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from hypothesis import strategies as st

from .conftest import EXAMPLES, names, sample, texts, values

PINS = {
    'nixpkgs': {'url': 'https://example.com/nixpkgs.tar.gz', 'sha256': '0' * 52},
    'effects': {'url': 'https://example.com/effects.tar.gz', 'sha256': '1' * 52},
}
NEAT_NETWORK = {
    'name': 'neat-network', 'deployment': 'foo', 'run_on': {'branches': ['production']},
    'network_files': ['network.nix', 'network-aws.nix'], 'prebuild_only_network_files': ['network-stub.nix'],
    'secrets_map': {'aws': 'neat-aws'}, 'user_setup_script': 'writeAWSSecret aws default',
}
GUIDE = '''\
# Managed by Ansible with nixcd.hercules_ci.nixops_effect: changes made here are lost.
# Inventory hosts: neat-network
{ src ? { ref = null; } }:

let
  # replace hash or use different pinning solution
  nixpkgs = builtins.fetchTarball {
    url = "https://example.com/nixpkgs.tar.gz";
    sha256 = "0000000000000000000000000000000000000000000000000000";
  };
  pkgs = import nixpkgs {
    system = "x86_64-linux";
    overlays = [
      (import "${effectsSrc}/overlay.nix")
    ];
  };

  # update hash if desired or use different pinning solution
  effectsSrc = builtins.fetchTarball {
    url = "https://example.com/effects.tar.gz";
    sha256 = "1111111111111111111111111111111111111111111111111111";
  };

  inherit (pkgs.effects) runNixOps runIf;
  inherit (pkgs) lib;
in

{
  neat-network = runIf (src.ref == "refs/heads/production") (
    runNixOps {
      name = "foo";
      src = lib.cleanSource ./.;
      networkFiles = [ "network.nix" "network-aws.nix" ];
      prebuildOnlyNetworkFiles = [ "network-stub.nix" ];
      userSetupScript = \'\'
        writeAWSSecret aws default
      \'\';
      secretsMap."aws" = "neat-aws";
    }
  );
}
'''


def test_the_file_of_the_guide() -> None:
    pins = {
        'nixpkgs': {**PINS['nixpkgs'], 'comment': 'replace hash or use different pinning solution'},
        'effects': {**PINS['effects'], 'comment': 'update hash if desired or use different pinning solution'},
    }
    assert ci_nix.render([NEAT_NETWORK], 'legacy', 'ci.nix', chosen_pins=pins, hosts=['neat-network']) == GUIDE


def changed_lines(before: str, after: str) -> list[str]:
    return [line[2:].strip() for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in '+-']


def test_one_changed_option_changes_only_its_lines() -> None:
    before = ci_nix.render([NEAT_NETWORK], 'legacy', 'ci.nix', chosen_pins=PINS)
    changed = {**NEAT_NETWORK, 'action': 'boot', 'secrets_map': {'aws': 'neat-aws', 'ssh': 'key'}}
    after = ci_nix.render([changed], 'legacy', 'ci.nix', chosen_pins=PINS)
    assert changed_lines(before, after) == ['action = "boot";', 'secretsMap."ssh" = "key";']


@pytest.mark.parametrize('form', ci_nix.FORMS)
def test_the_order_of_effects_and_hosts_does_not_matter(form: str) -> None:
    effects = [{**NEAT_NETWORK, 'name': 'network-%d' % number, 'deployment': 'd%d' % number} for number in range(9)]
    hosts = [effect['name'] for effect in effects]
    shuffled = random.Random(1).sample(effects, len(effects))
    first = ci_nix.render(effects, form, 'ci.nix', hosts=hosts)
    assert ci_nix.render(shuffled, form, 'ci.nix', hosts=hosts[::-1]) == first
    assert re.findall(r'network-\d', first.partition('in\n')[2]) == sorted(hosts)


@pytest.mark.parametrize('form', ci_nix.FORMS)
def test_a_file_says_who_manages_it_and_in_which_form(form: str) -> None:
    text = ci_nix.render([NEAT_NETWORK], form, 'ci.nix')
    assert ci_nix.is_managed(text)
    assert ci_nix.form_of(text) == form
    assert not ci_nix.is_managed(GUIDE.partition('\n')[2])


@pytest.mark.parametrize(('file', 'source'), [('ci.nix', './.'), ('nix/ci.nix', '../.'), ('a/b/effects.nix', '../../.')])
def test_src_is_the_checkout_wherever_the_file_is(file: str, source: str) -> None:
    assert 'src = lib.cleanSource %s;' % source in ci_nix.render([NEAT_NETWORK], 'effects', file)
    networks = ci_nix.render([{**NEAT_NETWORK, 'src': 'networks/neat'}], 'effects', file)
    assert 'src = lib.cleanSource %snetworks/neat;' % source[:-1] in networks


def test_what_is_the_default_is_not_written() -> None:
    plain = ci_nix.render([{'name': 'x', 'run_on': {'any_ref': True}}], 'effects', 'effects.nix')
    explicit = {
        'prebuild': True, 'network_files': ['network.nix'], 'network_args': {}, 'prebuild_only_network_files': [], 'action': 'switch',
        'inputs': [], 'user_setup_script': '', 'secrets_map': {}, 'deployment': 'x',
    }
    assert ci_nix.render([{'name': 'x', 'run_on': {'any_ref': True}, **explicit}], 'effects', 'effects.nix') == plain


def test_an_empty_check_is_not_the_default() -> None:
    assert 'effectCheckScript = "";' in ci_nix.render([{**NEAT_NETWORK, 'effect_check_script': ''}], 'effects', 'effects.nix')


def test_comments_stay_comments() -> None:
    effect = {**NEAT_NETWORK, 'comment': 'first\r} injected\u2028third\n\nlast'}
    text = ci_nix.render([effect], 'effects', 'effects.nix', hosts=['a\n} injected'])
    assert '  # first\n  # } injected\n  # third\n  #\n  # last\n  neat-network' in text
    assert '# Inventory hosts: a } injected\n' in text


def test_many_functions_are_a_list_of_lines() -> None:
    functions = ['runArion', 'runCachixDeploy', 'runNixDarwin', 'runNixOS', 'runNixOps', 'runNixOps2', 'runPutUrl']
    effects = [{'name': function, 'function': function, 'run_on': {'any_ref': True}} for function in functions]
    text = ci_nix.render(effects, 'legacy', 'ci.nix')
    names = ''.join('    %s\n' % name for name in [*functions, 'runIf'])
    assert '  inherit (pkgs.effects)\n%s    ;\n  inherit (pkgs) lib;\n' % names in text


def test_code_of_several_lines_is_indented_as_what_stands_around_it() -> None:
    effect = {'name': 'two', 'function': 'runNixOps2', 'flake': {'_nix': 'self'}, 'run_on': {'any_ref': True},
              'nixops_package': {'_nix': 'f [\n  ps.x # why\n]'}}
    assert '      nixops = (\n        f [\n          ps.x # why\n        ]\n      );\n' in ci_nix.render([effect], 'effects', 'effects.nix')


def test_jobs_and_schedules() -> None:
    effects = [
        {'name': 'push', 'run_on': {'any_ref': True}}, {'name': 'clock', 'job': 'night'},
        {'name': 'other', 'job': 'a job', 'run_on': {'tags': ['x']}},
    ]
    night = {'hour': [2, 3], 'minute': 5, 'day_of_week': ['Mon'], 'day_of_month': None}
    text = ci_nix.render(effects, 'herculesCI', 'ci.nix', schedules={'night': night})
    body = text.partition('in\n\n')[2]
    assert re.findall(r'on\w+\.\S+(?: job")?\.(?:when|outputs)', body) == [
        'onPush."a job".outputs', 'onPush.default.outputs', 'onSchedule.night.when', 'onSchedule.night.outputs',
    ]
    assert '    onSchedule.night.when = {\n      hour = [ 2 3 ];\n      minute = 5;\n      dayOfWeek = [ "Mon" ];\n    };\n' in body
    assert 'primaryRepo.ref == "refs/tags/x"' in body


def test_nixops_2() -> None:
    effect = {
        'name': 'two', 'function': 'runNixOps2', 'run_on': {'branches': ['main']}, 'network_files': ['nixops.nix'], 'forget_state': True,
        'nixops_plugins': ['nixops-hercules-ci', 'nixops-aws'], 'allow_reboot': False, 'extra_deploy_args': ['--show-trace'],
        'prebuild_only_modules': [{'_path': './stub.nix'}], 'inputs': ['openssh', {'_nix': 'pkgs.python3.withPackages (ps: [ ])'}],
    }
    text = ci_nix.render([effect], 'legacy', 'ci.nix')
    assert '''    runNixOps2 {
      nixops = pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-hercules-ci ps.nixops-aws ]);
      src = lib.cleanSource ./.;
      networkFiles = [ "nixops.nix" ];
      prebuildOnlyModules = [ ./stub.nix ];
      forgetState = true;
      allowReboot = false;
      extraDeployArgs = [ "--show-trace" ];
      inputs = [ pkgs.openssh (pkgs.python3.withPackages (ps: [ ])) ];
    }
''' in text
    of_flake = {**effect, 'network_files': None, 'flake': {'_nix': 'self'}, 'nixops_package': 'my.nixops'}
    flake = ci_nix.render([of_flake], 'effects', 'effects.nix')
    assert '{ pkgs, effects, src, self }:' in flake
    assert 'nixops = pkgs.my.nixops;\n      flake = self;\n' in flake
    assert 'lib.cleanSource' not in flake
    stubs = {**of_flake, 'prebuild_only_network_files': ['stub.nix', 'stubs/b+c.nix']}
    assert 'prebuildOnlyNetworkFiles = [ ./stub.nix ./stubs/b+c.nix ];' in ci_nix.render([stubs], 'effects', 'effects.nix')
    assert 'prebuildOnlyNetworkFiles = [ ../stub.nix ../stubs/b+c.nix ];' in ci_nix.render([stubs], 'effects', 'nix/effects.nix')


def test_other_functions_take_arguments_by_their_own_names() -> None:
    effect = {'name': 'web', 'function': 'runNixOS', 'run_on': {'any_ref': True}, 'arguments': {
        'ssh': {'destination': 'web.example.com'}, 'configuration': {'_path': './web.nix'}, 'text': '${not} code',
    }}
    text = ci_nix.render([effect], 'legacy', 'ci.nix', chosen_pins=PINS)
    assert 'inherit (pkgs.effects) runNixOS runIf;' in text
    assert '''    runNixOS {
      ssh = { destination = "web.example.com"; };
      configuration = ./web.nix;
      text = "\\${not} code";
    }
''' in text


@pytest.mark.parametrize('effect', [
    {**NEAT_NETWORK, 'network_args': {'a': float('nan')}},
    {**NEAT_NETWORK, 'comment': 'NUL \0'},
    {**NEAT_NETWORK, 'inputs': ['openssh..x']},
])
def test_what_no_file_can_hold_is_refused(effect: dict[str, Any]) -> None:
    with pytest.raises(Failure):
        ci_nix.render([effect], 'legacy', 'ci.nix')


# The parameters of runNixOps, written down a second time: in Nix' names, and with what the option's value becomes.
PARAMETERS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    'deployment': ('name', texts.filter(bool)),
    'network_files': ('networkFiles', st.lists(texts, max_size=3)),
    'network_args': ('networkArgs', st.dictionaries(names, values, max_size=3)),
    'prebuild': ('prebuild', st.booleans()),
    'prebuild_only_network_files': ('prebuildOnlyNetworkFiles', st.lists(texts, min_size=1, max_size=3)),
    'deploy_only_network_files': ('deployOnlyNetworkFiles', st.lists(texts, min_size=1, max_size=3)),
    'state_name': ('stateName', texts),
    'known_hosts_name': ('knownHostsName', texts),
    'action': ('action', st.sampled_from(functions.ACTIONS)),
    'effect_deployment': ('NIXOPS_DEPLOYMENT', texts),
    'nix_path': ('NIX_PATH', texts),
    'user_setup_script': ('userSetupScript', texts),
    'prior_check_script': ('priorCheckScript', texts),
    'effect_check_script': ('effectCheckScript', texts),
    'secrets_map': ('secretsMap', st.dictionaries(names, st.one_of(texts, st.just({'type': 'GitToken'})), min_size=1, max_size=3)),
}
DEFAULTS = {'networkFiles': ['network.nix'], 'networkArgs': {}, 'prebuild': True, 'action': 'switch', 'userSetupScript': ''}
effects = st.fixed_dictionaries(
    {'name': texts.filter(bool), 'arguments': st.dictionaries(names.filter(lambda name: name not in DEFAULTS), values, max_size=2)},
    optional={**{option: strategy for option, (_name, strategy) in PARAMETERS.items()}, 'comment': texts},
)


def expected_arguments(effect: dict[str, Any]) -> dict[str, Any]:
    arguments = {'name': effect['name'], **DEFAULTS}
    for option, (name, _strategy) in PARAMETERS.items():
        if option in effect:
            value = effect[option]
            arguments[name] = value + '\n' if option.endswith('_script') and value and not value.endswith('\n') else value
    return {**arguments, **effect['arguments'], 'src': 'the source'}


@pytest.mark.parametrize('form', ci_nix.FORMS)
def test_any_parameters_arrive_as_they_were_given(tmp_path: Path, evaluated: Callable[[str], Any], form: str) -> None:
    (tmp_path / 'nixpkgs.nix').write_text(
        '{ ... }: rec { lib.cleanSource = path: "the source"; effects.runIf = on: arguments: if on then arguments else null;'
        ' effects.runNixOps = arguments: builtins.fromJSON (builtins.toJSON %s) // arguments; }' % (
            '{ networkFiles = [ "network.nix" ]; networkArgs = { }; prebuild = true; action = "switch"; userSetupScript = ""; }'
        ))
    pins = {'nixpkgs': {'expression': './nixpkgs.nix'}, 'effects': {'expression': './nixpkgs.nix'}}
    given = [{**effect, 'run_on': {'any_ref': True}} for effect in sample(effects, max(EXAMPLES // 5, 20))]
    calls = []
    for number, effect in enumerate(given):
        text = ci_nix.render([effect], form, '%d.nix' % number, chosen_pins=pins, hosts=[effect['name']])
        (tmp_path / ('%d.nix' % number)).write_text(text)
        calls.append({
            'legacy': '(import ./%d.nix { })',
            'herculesCI': '((import ./%d.nix).herculesCI { primaryRepo = { }; }).onPush.default.outputs { }',
            'effects': '(let pkgs = import ./nixpkgs.nix { }; in import ./%d.nix { inherit pkgs; inherit (pkgs) effects; src = { }; })',
        }[form] % number)
    if form == 'herculesCI':
        calls = ['(%s).effects' % call for call in calls]
    assert evaluated('[ %s ]' % '\n'.join('(%s)' % call for call in calls)) == [
        {effect['name']: expected_arguments(effect)} for effect in given
    ]
