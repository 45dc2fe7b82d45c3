# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Nix prints, in its old order and in its new one, becomes one problem with a place and a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.traces import Source, explain

SOURCE = Source('line 1\nline 2\nline 3\n', Path('/srv/neat/ci.nix'), Path('/srv/neat'), {'neat-network': 'my-stub.nix'})
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
