# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments as Nix shows them, read as options of an effect: what each kind of value becomes, and what is told as no option can say it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt.calls import PathBase, Read, read_call

PLACE = PathBase('/root', 'nix/ci.nix', {'5e5d0c0': 'src.shortRev'})
PACKAGE = {'name': 'hello-2.12', 'attribute': 'hello', 'plugins': None}
OWN = {'name': 'own-1.0', 'attribute': None, 'plugins': None}


def read(function: str, **arguments: Any) -> Read:
    return read_call({'name': function, 'arguments': {'set': arguments}}, PLACE)


OPTIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    'the default': ('runNixOps', {'action': {'v': 'switch'}, 'userSetupScript': {'v': ''}, 'stateName': {'v': None}}, {}),
    'another value than the default': ('runNixOps', {'action': {'v': 'dry-run'}, 'prebuild': {'v': False}},
                                       {'action': 'dry-run', 'prebuild': False}),
    'the whole checkout, cleaned': ('runNixOps', {'src': {'source': '/root'}}, {}),
    'the whole checkout, as it is': ('runNixOps', {'src': {'path': '/root'}}, {'clean_source': False}),
    'a folder, cleaned': ('mkEffect', {'src': {'source': '/root/web'}}, {'src': 'web'}),
    'a folder, as it is': ('mkEffect', {'src': {'path': '/root/web'}}, {'src': 'web', 'clean_source': False}),
    'in sets': ('gitWriteBranch', {'git': {'set': {'checkout': {'set': {'remote': {'set': {'url': {'v': 'https://x'}}}}}}}},
                {'git_remote': 'https://x'}),
    'what an empty set leaves': ('runNixOS', {'ssh': {'set': {}}}, {}),
    'what is in a set without an option': ('runNixOS', {'ssh': {'set': {'destination': {'v': 'root@web'}, 'port': {'v': 22}}}},
                                           {'ssh_destination': 'root@web', 'arguments': {'ssh': {'port': 22}}}),
    'a file of the checkout': ('runNixOS', {'configuration': {'path': '/root/web.nix'}}, {'configuration': 'web.nix'}),
    'a file of the store': ('runNixOS', {'configuration': {'v': '/nix/store/x/a"${b}'}},
                            {'configuration': {'_nix': '"/nix/store/x/a\\"\\${b}"'}}),
    'a path among values': ('runNixOps', {'networkArgs': {'set': {'here': {'path': '/root/nix'}, 'up': {'path': '/root/web'}}}},
                            {'network_args': {'here': {'_path': '.'}, 'up': {'_path': '../web'}}}),
    'a hidden folder': ('runNixOps', {'networkArgs': {'set': {'here': {'path': '/root/nix/.config'}}}},
                        {'network_args': {'here': {'_path': './.config'}}}),
    'a cleaned folder with a blank in its name': (
        'runNixOps', {'networkArgs': {'set': {'all': {'source': '/root/nix/a b'}}}},
        {'network_args': {'all': {'_nix': 'lib.cleanSource (./. + "/a b")'}}}),
    'a cleaned folder among values': ('runNixOps', {'networkArgs': {'set': {'all': {'source': '/root'}}}},
                                      {'network_args': {'all': {'_nix': 'lib.cleanSource ../.'}}}),
    'a package': ('runNixOps', {'inputs': {'list': [{'package': PACKAGE}]}}, {'inputs': ['hello']}),
    'a package among values': ('runNixOps', {'networkArgs': {'set': {'hello': {'package': PACKAGE}}}},
                               {'network_args': {'hello': {'_nix': 'pkgs.hello'}}}),
    'a package whose name Nix wants in quotes': (
        'runNixOps', {'networkArgs': {'set': {'a': {'package': {'name': '7zz-1', 'attribute': '7zz', 'plugins': None}}}}},
        {'network_args': {'a': {'_nix': 'pkgs."7zz"'}}}),
    'NixOps with plugins': ('runNixOps2', {'nixops': {'package': {**PACKAGE, 'plugins': ['nixops-aws']}}},
                            {'nixops_plugins': ['nixops-aws']}),
    'another NixOps': ('runNixOps2', {'nixops': {'package': PACKAGE}}, {'nixops_package': 'hello'}),
    'a fact of the repository': ('mkEffect', {'REVISION': {'v': '5e5d0c0'}}, {'environment': {'REVISION': {'_nix': 'src.shortRev'}}}),
    'variables and arguments': ('mkEffect', {'STAGE': {'v': 'x'}, 'preEffect': {'v': 'true'}},
                                {'environment': {'STAGE': 'x'}, 'arguments': {'preEffect': 'true'}}),
    'variables of a module': ('modularEffect', {'env': {'set': {'STAGE': {'v': 'x'}, 'SIZE': {'v': 3}}}},
                              {'environment': {'STAGE': 'x', 'SIZE': 3}}),
    'no variables of a module': ('modularEffect', {'env': {'code': 'a set'}}, {}),
}


@pytest.mark.parametrize('name', OPTIONS)
def test_what_an_argument_becomes(name: str) -> None:
    function, arguments, options = OPTIONS[name]
    assert read(function, **arguments) == Read({'function': function, **options})


UNKNOWN: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    'a path of the machine': ('mkEffect', {'src': {'path': '/rooted/web'}}, {'src': 'a path outside of the checkout, /rooted/web'}),
    'no folder': ('mkEffect', {'src': {'package': OWN}}, {'src': 'the package own-1.0'}),
    'a function for a set of options': ('runNixOS', {'ssh': {'code': 'a function'}}, {'arguments.ssh': 'a function'}),
    'a fact of the repository as text': ('runNixOps', {'userSetupScript': {'v': '5e5d0c0'}}, {'user_setup_script': 'src.shortRev'}),
    'a fact of the repository in text': ('runNixOps', {'userSetupScript': {'v': 'x5e5d0c0'}},
                                         {'user_setup_script': 'text with src.shortRev in it'}),
    'a path as text': ('runNixOps', {'userSetupScript': {'path': '/root/setup.sh'}}, {'user_setup_script': '/root/setup.sh'}),
    'a cleaned folder as text': ('runNixOps', {'userSetupScript': {'source': '/root'}}, {'user_setup_script': '/root'}),
    'a package as text': ('runNixOps', {'userSetupScript': {'package': PACKAGE}}, {'user_setup_script': 'the package hello-2.12'}),
    'a package of its own': ('runNixOps', {'inputs': {'list': [{'package': OWN}]}},
                             {'inputs': 'the package own-1.0, which nixpkgs does not have under that name'}),
    'a list as text': ('runNixOps', {'userSetupScript': {'list': []}}, {'user_setup_script': 'something else'}),
    'paths of the store': ('mkEffect', {'STAGE': {'context': '/nix/store/x'}}, {'environment.STAGE': 'text with paths of the store in it'}),
    'a variable that is a list': ('mkEffect', {'STAGE': {'list': []}}, {'environment.STAGE': 'something else'}),
    'a variable that is a truth': ('mkEffect', {'STAGE': {'v': True}}, {'environment.STAGE': 'bool'}),
    'a variable that is nothing': ('modularEffect', {'env': {'set': {'STAGE': {'v': None}}}}, {'environment.STAGE': 'NoneType'}),
}


@pytest.mark.parametrize('name', UNKNOWN)
def test_what_no_option_can_say_is_told(name: str) -> None:
    function, arguments, unknown = UNKNOWN[name]
    assert read(function, **arguments) == Read({'function': function}, unknown)


@pytest.mark.parametrize(('arguments', 'said'), [({'code': 'a function'}, 'a function'), ({'list': []}, 'something else')])
def test_arguments_that_are_no_set_are_told_as_a_whole(arguments: dict[str, Any], said: str) -> None:
    assert read_call({'name': 'mkEffect', 'arguments': arguments}, PLACE) == Read({'function': 'mkEffect'}, {'arguments': said})
