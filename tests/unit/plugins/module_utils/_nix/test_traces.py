# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Nix prints, in its old order and in its new one, becomes one problem with a place and a remedy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.causes import explain
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.traces import NixInput

from tests.support.surroundings import FIXTURES

SOURCE = NixInput('line 1\nline 2\nline 3\n', Path('/srv/neat/ci.nix'), Path('/srv/neat'), {'neat-network': 'my-stub.nix'})
ABORTED = 'evaluation aborted with the following error message: '
# Nix 2.8: the error first, then what led to it.
OLD = '''warning: the group 'nixbld' specified in 'build-users-group' does not exist
error: {message}

       at /nix/store/abc-source/lib/modules.nix:12:3:

           11| x
           12| y
             | ^

       … while evaluating the attribute 'hostName'

       at /srv/neat/network-aws.nix:7:5:

            6| x

       … while evaluating the effect "neat-network" on refs/heads/production

       at «stdin»:2:3:
'''
# Nix 2.20: the error last.
NEW = '''error:
       … while evaluating the effect "neat-network" on refs/heads/production

         at «stdin»:2:3:
            1| x

       … while evaluating the attribute 'hostName'
         at /srv/neat/network-aws.nix:7:5:
            6| x

       \x1b[31;1merror:\x1b[0m {message}
       at /nix/store/abc-source/lib/modules.nix:12:3:
           11| x
'''


@pytest.mark.parametrize('template', [OLD, NEW])
@pytest.mark.parametrize(('message', 'what', 'remedy'), [
    ("The option `networking.privateIPv4' is used but not defined.", 'option networking.privateIPv4 has no value', 'my-stub.nix'),
    ("The option `a.b' was accessed but has no value defined. Try setting the option.", 'option a.b has no value', 'my-stub.nix'),
    ("The option `deployment.ec3' does not exist. Definition values:\n       - In `/x.nix': 1", 'no option deployment.ec3', 'Correct'),
    ("A definition for option `networking.hostName' is not of type `string'. Definition values: 1", 'wrong type', 'string'),
    ("attribute 'publicIPv4' missing", 'no attribute publicIPv4', 'my-stub.nix'),
    ('cannot convert a function to JSON', 'is given a function', 'network_args'),
    ("undefined variable 'lbi'", 'variable lbi', 'Define'),
    ("anonymous function at /x/y.nix:1:1 called without required argument 'region'", 'argument region', 'network_args'),
    ("function 'anonymous lambda' called with unexpected argument 'region'", 'argument region', '`...`'),
    (ABORTED + '\'lib.callPackageWith: Function called without required argument "nixops" at /x\'', 'no package nixops', 'pins.nixops'),
    (ABORTED + "'\n\nThis version of Nixpkgs requires Nix >= 2.18, please upgrade:\n\n- If you'", 'Nix that is too old', 'newer Nix'),
    ("could not set permissions on '/nix/var/nix/profiles/per-user' to 755: Operation not permitted", 'cannot use its store', 'become'),
    ("creating directory '/nix/store': No such file or directory", 'cannot use its store', 'become'),
    ("cannot connect to socket at '/nix/var/nix/daemon-socket/socket': Connection refused", 'cannot use its store', 'daemon'),
    (ABORTED + "'x: The nixpkgs version is too old.\n The version of nixpkgs must be at least 22.05'", 'too old', '22.05'),
    ('Package \u2018python-2.7.18\u2019 in /x is marked as insecure, refusing to evaluate.', 'python-2.7.18 insecure', 'permittedInsecure'),
    ("file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)", '<nixpkgs>', 'pin'),
    ("access to absolute path '/etc/passwd' is forbidden in restricted mode", '/etc/passwd', 'Move'),
    ("access to URI 'http://example.com/x' is forbidden in restricted mode", 'http://example.com/x', 'https://'),
    ("getting status of '/srv/neat/absent.nix': No such file or directory", 'no file /srv/neat/absent.nix', 'Add it'),
    ("path '/srv/neat/absent.nix' does not exist", 'no file /srv/neat/absent.nix', 'Add it'),
    ("hash mismatch in file downloaded from 'https://x': specified: sha256:aaa\n got: sha256:bbb", 'contents of a pin', 'sha256:bbb'),
    ("unable to download 'https://example.com/x': Couldn't resolve host name (6)", 'could not download', 'network'),
    ('Your deployment must specify a remote storage solution, such as network.storage.hercules-ci.', 'state nowhere', 'forget_state'),
    ("Refusing to evaluate package 'slack-1' in /x because it has an unfree license", 'the package slack-1 unfree',
     'if you accept that, set config.allowUnfree = true of the pin'),
    ("Refusing to evaluate package 'py-2' in /x because it is marked as insecure", 'the package py-2 insecure',
     'add it to config.permittedInsecurePackages of the pin'),
    ('something never seen before', 'cannot evaluate', 'what Nix names'),
])
def test_each_cause(template: str, message: str, what: str, remedy: str) -> None:
    problem = explain(template.format(message=message), SOURCE)
    assert what in problem.what
    assert remedy in problem.remedy
    assert problem.where == 'effect neat-network: /srv/neat/network-aws.nix:7'
    assert message[:40] in problem.found


def test_a_syntax_error_has_its_line() -> None:
    problem = explain('error: syntax error, unexpected end of file\n\n       at «stdin»:2:9:\n\n            1| x\n', SOURCE)
    assert (problem.what, problem.where) == ('The file is not a Nix expression.', '/srv/neat/ci.nix:2')


def test_lines_behind_the_file_are_not_shown() -> None:
    assert explain("error: undefined variable 'x'\n\n       at «stdin»:30:9:\n", SOURCE).where == '/srv/neat/ci.nix'


def test_what_is_missing_in_the_file_itself_is_no_matter_of_a_stub() -> None:
    assert 'stub' not in explain("error: attribute 'nosuch' missing\n\n       at «stdin»:2:9:\n", SOURCE).remedy


def test_effects_without_a_stub_are_told_the_usual_name() -> None:
    text = OLD.replace('neat-network', 'other').format(message="The option `a' is used but not defined.")
    assert 'network-stub.nix' in explain(text, SOURCE).remedy


def test_names_of_effects_may_hold_quotes() -> None:
    text = OLD.replace('"neat-network"', r'"a \"b\" \\ c"').format(message='x')
    assert explain(text, SOURCE).where.startswith(r'effect a "b" \ c: ')


def test_endless_messages_are_cut_and_silence_is_no_crash() -> None:
    assert len(explain('error: ' + 'x' * 9999, SOURCE).found) < 500
    assert explain('', SOURCE).what


TRACES = FIXTURES / 'traces'
# What each real trace has to say, written beside the traces.
EXPECTED: dict[str, dict[str, str]] = json.loads((TRACES / 'expected.json').read_text('utf-8'))
NEAT = NixInput(
    'line\n' * 60, Path('/srv/neat-repo/ci.nix'), Path('/srv/neat-repo'), {'neat-network': 'network-stub.nix'},
    {'neat-network': 'runNixOps'}, {'neat-network': ('network.nix', 'network-aws.nix', 'network-stub.nix')},
)


def as_newer(trace: str) -> str:
    """The trace as Nix prints it since 2.13: what led to the error first, the error last."""
    error, *frames = re.split(r'\n+ +… ', trace[trace.index('error:'):])
    told = ''.join('       … %s\n\n' % frame.rstrip() for frame in reversed(frames))
    return 'error:\n%s       %s\n' % (told, error.rstrip())


@pytest.mark.parametrize('name', sorted(EXPECTED))
@pytest.mark.parametrize('newer', [False, True])
def test_real_traces_name_effect_machine_option_file_and_what_to_do(name: str, newer: bool) -> None:
    trace = (TRACES / ('%s.bin' % name)).read_text('utf-8')
    problem = explain(as_newer(trace) if newer else trace, NEAT)
    assert {'where': problem.where, 'what': problem.what, 'remedy': problem.remedy} == EXPECTED[name]


def test_every_trace_has_its_expectation() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in TRACES.glob('*.bin'))


# The code that the classic of all stubs fails at, and what it has instead of an address while nothing is deployed.
NULL = '''error: cannot coerce null to a string{value}

       at /srv/neat-repo/network.nix:4:{column}:

            3|   web = {{ nodes, resources, ... }}: {{
            4|     networking.extraHosts = {code};
             |                              ^
            5|   }};

       … while evaluating definitions from `/srv/neat-repo/network.nix':

       … while evaluating the option `networking.extraHosts':

       … while evaluating the machine "web"

       … while evaluating the effect "neat-network" on refs/heads/production

       at «stdin»:94:6:
'''


@pytest.mark.parametrize(('code', 'column', 'what'), [
    ('"${nodes.db.config.networking.publicIPv4} db"', 30, 'The option networking.publicIPv4 of the machine db is null'),
    ('"${nodes.db.config.networking.publicIPv4} db"', 29, 'The option networking.publicIPv4 of the machine db is null'),
    ('"a" + nodes.db.config.networking.publicIPv4', 35, 'The option networking.publicIPv4 of the machine db is null'),
    ('"${config.networking.publicIPv4} me"', 30, 'The option networking.publicIPv4 of the machine web is null'),
    ('"${resources.elasticIPs.front.address} it"', 30, 'The attribute address of the resource elasticIPs.front is null'),
    ('"${resources.machines.db.config.networking.publicIPv4}"', 30, 'The option networking.publicIPv4 of the machine db is null'),
    ('"${address} db"', 30, 'There is null where a value is needed'),
])
@pytest.mark.parametrize('value', ['', ': null'])
def test_the_classic_of_all_stubs(code: str, column: int, what: str, value: str) -> None:
    problem = explain(NULL.format(code=code, column=column, value=value), NEAT)
    assert what in problem.what
    assert 'network-stub.nix' in problem.remedy
    assert problem.where == 'effect neat-network: machine web: option networking.extraHosts: /srv/neat-repo/network.nix:4'


@pytest.mark.parametrize(('code', 'what', 'remedy'), [
    ('lib.nosuch "x"', 'lib has nothing of the name nosuch.', 'Correct its name.'),
    ('builtins.nosuch "x"', 'builtins has nothing of the name nosuch.', 'Correct its name.'),
    ('pkgs.nosuch', 'nixpkgs has no package nosuch.', 'Correct its name, or take it from a nixpkgs that has it.'),
    ('pkgs.python3Packages.nosuch', 'nixpkgs has no package nosuch.', 'Correct its name, or take it from a nixpkgs that has it.'),
    ('nodes.nosuch.config.networking.domain', 'The network has no machine nosuch.', 'Correct its name, or declare it in a network file.'),
])
def test_what_is_missing_is_told_by_the_code_that_asks_for_it(code: str, what: str, remedy: str) -> None:
    text = NULL.format(code=code, column=29, value='').replace('cannot coerce null to a string', "attribute 'nosuch' missing")
    assert (explain(text, NEAT).what, explain(text, NEAT).remedy) == (what, remedy)


def test_the_code_is_read_from_the_checkout_where_nix_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / 'network.nix').write_text('{\n  a = "${nodes.db.config.networking.publicIPv4}";\n}\n')
    text = 'error: cannot coerce null to a string\n\n       at %s/network.nix:2:8:\n' % tmp_path
    problem = explain(text, NixInput('', tmp_path / 'ci.nix', tmp_path))
    assert 'networking.publicIPv4 of the machine db' in problem.what


IN_MODULE = '''error:
       … while evaluating the effect "{effect}" on refs/heads/production

       … while evaluating the machine "web"

       … while evaluating the option `services.x':

       … while evaluating definitions from `/srv/neat-repo/network.nix':

       error: {message}
'''


@pytest.mark.parametrize(('message', 'what', 'remedy'), [
    ("The option `a.b' defined in `/srv/neat-repo/network.nix' does not exist.", 'no option a.b', 'Correct its name'),
    ("The option `services.ngnix' does not exist. Definition values:\n- In `/x': 1\n\nDid you mean `services.nginx'?", 'no option',
     "Did you mean `services.nginx'?"),
    ("The unique option `a.b' is defined multiple times. Definition values:", 'a.b is set to different', 'lib.mkDefault'),
    ("The option `a.b' is read-only, but it's set multiple times. Definition values:", 'a.b must not be set', 'Remove'),
    ("The option `a' in `/x.nix' is already declared in `/y.nix'.", 'declared twice', 'same path'),
    ("In module `/srv/neat-repo/network.nix', you're trying to define a value of type `bool' rather than an attribute set for the option\n"
     "`services.x'!", 'has other', 'in it'),
    ("You're trying to declare a value of type `bool' rather than an attribute-set for the option\n`services.x'!", 'has other',
     'in it'),
    ("Module `/x.nix' has an unsupported attribute `services'. This is caused by", 'services beside config', 'into config'),
    ("A definition for option `a.b' is not of type `string'. Definition values:\n- In `/x.nix': null", 'set to null', 'stub.nix'),
    ("A definition for option `fileSystems.\"/\".device' is not of type `string'.", 'fileSystems."/".device', 'string'),
    ("The option value `a.b' in `/x.nix' is not of type `boolean'.", 'a.b has a value of the wrong type', 'boolean'),
    ('Package \u2018python-2.7.18.6\u2019 in /nix/store/x-source/y.nix:1 is marked as insecure, refusing to evaluate.', 'insecure',
     'nixpkgs.config.permittedInsecurePackages = [ "python-2.7.18.6" ]'),
    ("Refusing to evaluate package 'slack-1' in /nix/store/x because it has an unfree license (\u2018unfree\u2019)",
     'slack-1 unfree', 'allowUnfree'),
    ('Package \u2018x-1\u2019 in /x is not available on the requested hostPlatform:', 'There', ''),
    ('Package \u2018x-1\u2019 in /x is not supported on \u2018aarch64-linux\u2019, refusing to evaluate.',
     'not made for the platform', 'allowUnsupp'),
    ("attribute 'web' already defined at /srv/neat-repo/network.nix:1:3", 'web is defined twice', 'Keep one'),
    ('expected a set but found null: null', 'null where a value', 'network-stub.nix'),
    ('expected a set but found an integer: 1', 'an integer where a set', 'Correct'),
    ('attempt to call something which is not a function but a set: { }', 'a set where a function', 'brackets'),
    ("string 'x.nix' doesn't represent an absolute path", 'used as a path', './'),
    ("Path 'hardware.nix' in the repository \"/srv/neat-repo\" is not tracked by Git.", 'does not track hardware.nix', 'git add'),
    ('stack overflow; max-call-depth exceeded', 'never ends', 'calls itself'),
    ("Cannot build '/nix/store/x.drv'.\nReason: required system or feature not available\n"
     "Required system: 'aarch64-linux' with features {}\nCurrent system: 'x86_64-linux'", 'build for aarch64-linux', 'builder'),
    ("builder for '/nix/store/x.drv' failed with exit code 1;", 'A build that is needed', '/nix/store/x.drv'),
    ("program 'git' failed with exit code 128", 'fetch a Git repository', 'credentials'),
    ("store path 'a2l2glpwdvdnkwl6liwa56l1hpsdbjl5-a b' contains illegal character ' '", 'has a name that no path', 'letters'),
    ("invalid regular expression '('", 'regular expression ( is', 'Correct it'),
    ('cannot compare an integer with a string', 'do not go together', 'toString'),
])
def test_what_modules_and_newer_versions_say(message: str, what: str, remedy: str) -> None:
    problem = explain(IN_MODULE.format(effect='neat-network', message=message), NEAT)
    assert what in problem.what or what == 'There'
    assert remedy in problem.remedy
    assert problem.where.startswith('effect neat-network: machine web: ')
    assert '/srv/neat-repo/network.nix' in problem.where


@pytest.mark.parametrize('message', [
    "The option `a.b' is used but not defined.", 'cannot coerce null to a string', "attribute 'x' missing",
    "The option `deployment.x' does not exist.",
    "A definition for option `a.b' is not of type `string'. Definition values:\n- In `/x.nix': null", 'Failed assertions:\n- x',
    "The option `a' has conflicting definition values:", "function 'anonymous lambda' called with unexpected argument 'x'",
    "function 'anonymous lambda' called without required argument 'x'", 'cannot convert a function to JSON',
])
def test_other_functions_get_no_advice_for_nixops(message: str) -> None:
    functions = {'website': 'runNixOS', 'neat-network': 'runNixOps'}
    source = NixInput('', Path('/srv/neat-repo/ci.nix'), Path('/srv/neat-repo'), functions=functions)
    problem = explain(IN_MODULE.format(effect='website', message=message), source)
    assert not [word for word in ('stub', 'network_', 'prebuil', 'NixOps') if word in str(problem).replace('network.nix', '')], problem


def test_files_of_a_flake_of_the_checkout_are_files_of_the_checkout() -> None:
    problem = explain("error: undefined variable 'x'\n       at «git+file:///srv/neat-repo?rev=1»/network.nix:3:4:\n", NEAT)
    assert problem.where.endswith('/srv/neat-repo/network.nix:3')


def test_code_that_nix_quotes_is_not_what_it_says() -> None:
    text = IN_MODULE.format(effect='neat-network', message='cannot coerce null to a string: null').replace(
        '       … while evaluating the option', '''       … while evaluating the attribute 'value'
         at /nix/store/x-source/lib/modules.nix:1118:7:
         1117|     // {
         1118|       value = addErrorContext "while evaluating the option `${showOption loc}':" value;
             |       ^
         1119|       inherit (res.defsFinal') highestPrio;

       … while evaluating the option''')
    assert 'option services.x: ' in explain(text, NEAT).where
    assert '$' not in explain(text, NEAT).where
    old = OLD.format(message='x').replace('           11| x', "           11| while evaluating the option `${showOption loc}':")
    assert 'option' not in explain(old, SOURCE).where
