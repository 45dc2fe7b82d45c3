# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logs of effects that failed, as the shell of hercules-ci-effects ends them: what each of its phases prints when it fails."""

from __future__ import annotations

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs.log_endings import reason


def phase(name: str) -> str:
    return '@nix { "action": "setPhase", "phase": "%sPhase" }' % name


UPLOADED = ('pushing state file nixops-foo.json...', 'pushing state successful.',
            'pushing state file nixops-foo.known_hosts...', 'pushing state successful.')
UPLOADED_AFTERWARDS = ('uploading state files after failure', *UPLOADED)
NOT_AGAIN = ('uploading state files after failure', 'NOTE: State has already been uploaded and was not uploaded again.')
NO_UPLOAD = 'curl: (22) The requested URL returned error: 500'
NOT_UPLOADED = ('uploading state files after failure', UPLOADED[0], NO_UPLOAD, *UPLOADED[1:3], NO_UPLOAD, UPLOADED[3])
FETCHED = (phase('init'), phase('unpack'), 'unpacking source archive /nix/store/abc-source', 'source root is source', phase('patch'),
           phase('getState'), 'fetching state file nixops-foo.json', 'fetching state file nixops-foo.known_hosts', 'importing state')
GOOD_CHECK = (phase('priorCheck'), '| web1 | Yes |', 'Prior check OK.')
BAD_CHECK = (phase('priorCheck'), 'error: web1 cannot be reached', '', 'WARNING: Prior check FAILED!', '',
             'Continuing execution to allow subsequent steps to hopefully fix the problem.')
DEPLOYING = (phase('effect'), 'version: NixOps 1.7', 'building all machine configurations...', 'web1> closures copied successfully')
ACTIVATION = 'error: activation of 1 of 1 machines failed (namely on \u2018web1\u2019)'
DEPLOYED = (*FETCHED, phase('userSetup'), *GOOD_CHECK, *DEPLOYING, 'neat-network> deployment finished successfully', phase('putState'))
SLIP_OF_BASH = '/nix/store/abc-stdenv/setup: line 95: pop_var_context: head of shell_variables not a function context'
TRACED_END = (
    '+ exitHandler', '+ exitCode=1', '+ set +e', "+ '[' -n '' ']'", '+ ((  1 != 0  ))', '+ runHook failureHook',
    "+ local 'hooksSlice=failureHooks[@]'", '+ putStatePhaseOnFailure', '+ [[ -n if [[ -z ${PUT_STATE_DONE:-} ]]; then',
    '  runHook prePutState', '  eval "$putStateScript"', 'else', '  echo 1>&2 "NOTE: State has already been uploaded"', 'fi', ' ]]',
    "+ echo 'uploading state files after failure'", 'uploading state files after failure',
    "++ eval 'putStateFile \"$stateName\" \"$stateFileName\"", 'putStateFile "$knownHostsName" ~/.ssh/known_hosts', "'",
    '+++ putStateFile nixops-foo.json /build/source/nixops-state.json', "+++ echo 'pushing state file nixops-foo.json...'",
    'pushing state file nixops-foo.json...', "+++ echo 'pushing state successful.'", 'pushing state successful.',
    '++ PUT_STATE_DONE=true', '+ return 0', "+ '[' -n '' ']'", '+ return 1',
)
OTHER_PROMPT = ('>> 1: exitHandler', '>> 40: exitCode=1', ">> 92: echo 'uploading state files after failure'",
                'uploading state files after failure', '>>> 99: PUT_STATE_DONE=true', '>> 57: return 1')
TABLE = ('Machines state:', '+------+--------+-----+-----------+-------+',
         '| Name | Exists | Up  | Reachable | Units                  | Notes |', '+------+--------+-----+-----------+-------+',
         '| db   | Yes    | Yes | Yes       | nginx.service [failed] |       |',
         '|      |        |     |           | postgresql.service [failed] |       |',
         '| web1 | Yes    | Yes | No        |                        |       |',
         '| web2 | Yes    | Yes | Yes       |                        |       |', '+------+--------+-----+-----------+-------+',
         'Non machines resources state:', '+------+--------+', '| Name | Exists |', '+------+--------+', '| key  | No     |',
         '+------+--------+')


@pytest.mark.parametrize(('log', 'why'), [
    ((phase('init'), '/build/setup: line 29: /secrets/secrets.json: No such file or directory'), 'secrets.json: No such file'),
    ((*FETCHED[:3], "cp: cannot stat '/nix/store/abc-source': No such file or directory",
      'do not know how to unpack source archive /nix/store/abc-source'), 'do not know how to unpack source archive /nix/store/abc-source'),
    ((*FETCHED[:5], 'applying patch /nix/store/p.patch', '1 out of 1 hunk FAILED'), '1 out of 1 hunk FAILED'),
    ((*FETCHED[:7], 'request failed with fatal status 403'), 'request failed with fatal status 403'),
    ((*FETCHED[:7], "curl: (7) Failed to connect to hercules-ci.com port 443 after 2 ms: Couldn't connect to server"), 'curl: (7) Failed'),
    ((*FETCHED, 'TypeError: expected str, got NoneType', SLIP_OF_BASH), 'TypeError: expected str, got NoneType'),
    ((*FETCHED, phase('userSetup'), 'Could not find path .x in secret aws', *UPLOADED_AFTERWARDS), 'Could not find path .x in secret aws'),
    ((*FETCHED, phase('userSetup'), 'setup: line 7: nosuchprogram: command not found', *UPLOADED_AFTERWARDS), 'nosuchprogram: command not'),
    ((*FETCHED, phase('userSetup'), *UPLOADED_AFTERWARDS), 'The phase userSetupPhase failed and printed nothing.'),
    ((*FETCHED, phase('userSetup'), *GOOD_CHECK, *DEPLOYING, ACTIVATION, *UPLOADED_AFTERWARDS), ACTIVATION),
    ((*FETCHED, phase('userSetup'), *BAD_CHECK, *DEPLOYING, ACTIVATION, *UPLOADED_AFTERWARDS), ACTIVATION),
    ((*FETCHED, *BAD_CHECK, phase('effect'), *UPLOADED_AFTERWARDS), 'The phase effectPhase failed and printed nothing.'),
    ((*DEPLOYING, ACTIVATION, *NOT_UPLOADED), ACTIVATION),
    ((*DEPLOYING, ACTIVATION, 'uploading state files after failure', 'NixOps state export was empty. Upload cancelled.'), ACTIVATION),
    ((*DEPLOYING, ACTIVATION, 'build times:', 'user time for the shell             0m0.1s', *UPLOADED_AFTERWARDS), ACTIVATION),
    ((*DEPLOYING, ACTIVATION, 'uploading state files after the failure', *UPLOADED, 'The effect failed with exit code 1.'), ACTIVATION),
    ((*DEPLOYING, ACTIVATION, *UPLOADED_AFTERWARDS, 'build failed with exit code 1 (ignored)'), ACTIVATION),
    ((*DEPLOYING, 'setup: line 164: 11509 Killed                  nixops deploy --confirm', *UPLOADED_AFTERWARDS), '11509 Killed'),
    (DEPLOYING, 'web1> closures copied successfully'),  # the shell itself was killed
    ((*DEPLOYED, 'error: database is locked', SLIP_OF_BASH, 'uploading state files after failure', 'error: database is locked',
      'NixOps state export was empty. Upload cancelled.'), 'error: database is locked'),
    ((*DEPLOYED, 'NixOps state export was empty. Upload cancelled.', 'uploading state files after failure'), 'state export was empty.'),
    ((*DEPLOYED, UPLOADED[0], NO_UPLOAD, *NOT_UPLOADED), NO_UPLOAD),
    ((*DEPLOYED, UPLOADED[0], *NOT_UPLOADED), UPLOADED[0]),  # what it was about to do
    ((*DEPLOYED, *UPLOADED, phase('effectCheck'), 'web1: ssh unreachable', *NOT_AGAIN), 'web1: ssh unreachable'),
    ((*DEPLOYED, *UPLOADED, phase('effectCheck'), *TABLE, *NOT_AGAIN),
     'db: Units nginx.service [failed], db: Units postgresql.service [failed], web1: Reachable No'),
    ((*DEPLOYED, *UPLOADED, phase('effectCheck'), *TABLE[:9], *NOT_AGAIN),  # of machines alone
     'db: Units nginx.service [failed], db: Units postgresql.service [failed], web1: Reachable No'),
    ((*DEPLOYED, *UPLOADED, phase('effectCheck'), *NOT_AGAIN), 'The phase effectCheckPhase failed and printed nothing.'),
    (('rsync: connection closed', 'uploading state files after failure'), 'rsync: connection closed'),
    (('rsync: connection closed', 'it ended with exit status 3', 'uploading state files after failure'), 'rsync: connection closed'),
    (('no route', 'The effect failed with exit code 1.', ''), 'no route'),
    (('exit status 2',), 'exit status 2'),
    (('', ' '), ''),
    (UPLOADED_AFTERWARDS, ''),  # the rest of the log was not read
])
def test_the_reason_stands_before_the_shell_tidies_up(log: tuple[str, ...], why: str) -> None:
    assert why in reason(log)
    assert bool(why) == bool(reason(log))


@pytest.mark.parametrize(('log', 'why'), [
    ((*DEPLOYING, ACTIVATION, *TRACED_END), ACTIVATION),
    ((phase('effect'), "++ eval 'nixops deploy \\", '  --confirm \\', "'", '+++ nixops deploy --confirm', 'web1> copying', *TRACED_END),
     'web1> copying'),
    ((phase('effect'), "++ eval '", "echo it'\\''s", "false'", '+++ false', *TRACED_END),
     'The phase effectPhase failed and printed nothing.'),
    ((phase('effect'), '+++ [[ -n web1', ' ]]', *TRACED_END), 'The phase effectPhase failed and printed nothing.'),
    ((phase('effectCheck'), '>>> 4: nixops check', 'web1: ssh unreachable', '>>>> 7: return 1', *OTHER_PROMPT), 'web1: ssh unreachable'),
    ((phase('effect'), '+ is what a difference begins with', 'uploading state files after failure'), '+ is what a difference begins with'),
])
def test_a_traced_shell_says_much_that_is_no_reason(log: tuple[str, ...], why: str) -> None:
    assert reason(log) == why
