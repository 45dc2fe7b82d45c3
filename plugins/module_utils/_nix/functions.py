# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The functions of hercules-ci-effects: what each takes, reads and deploys. All else goes by this table, and names no function.

From effects/*/*.nix of hercules-ci-effects. To add a function is to add an entry of FUNCTIONS, and to document options that are new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .expression import quoted
from .function import Function, Parameter, Reading

ACTIONS = ('switch', 'dry-run', 'plan', 'build', 'create', 'copy', 'dry-activate', 'test', 'boot')
EXCEPTION = 'I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved.'
DEFAULT = 'runNixOps'
# What the service gives out itself.
GIT_TOKEN = {'type': 'GitToken'}
# Kinds of parameters of which text is a file of the checkout.
FILES = ('module', 'modules', 'file', 'folder')


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAME = Parameter('effect_name', 'name')
SETUP = Parameter('user_setup_script', 'userSetupScript', '', 'script')
SECRETS = Parameter('secrets_map', 'secretsMap', {}, 'secrets')
INPUTS = Parameter('inputs', 'inputs', [], 'packages')
# Empty is not the default here: the functions of NixOps run `nixops check` unless a script says otherwise.
CHECKS = (Parameter('prior_check_script', 'priorCheckScript', None, 'script'),
          Parameter('effect_check_script', 'effectCheckScript', None, 'script'))
SCRIPTS = (INPUTS, SETUP, *CHECKS, SECRETS)
WITHOUT_INPUTS = (SETUP, *CHECKS, SECRETS)
STATE = (Parameter('get_state_script', 'getStateScript', '', 'script'), Parameter('put_state_script', 'putStateScript', '', 'script'))
OF_NIXOPS = (
    Parameter('action', 'action', 'switch', choices=ACTIONS),
    Parameter('effect_deployment', 'NIXOPS_DEPLOYMENT'),
    Parameter('nix_path', 'NIX_PATH'),
)
SSH = (
    Parameter('ssh_destination', 'ssh.destination'),
    Parameter('ssh_options', 'ssh.sshOptions', ''),
    Parameter('ssh_use_substitutes', 'ssh.useSubstitutes', True, 'truth'),
    Parameter('ssh_compress', 'ssh.compress', False, 'truth'),
    Parameter('ssh_compress_closure', 'ssh.compressClosure', None, 'truth'),
    Parameter('ssh_compress_session', 'ssh.compressSession', None, 'truth'),
    Parameter('ssh_copy_closure_options', 'ssh.nix-copy-closureOptions', ''),
    Parameter('ssh_inherit_variables', 'ssh.inheritVariables', [], 'texts'),
    Parameter('ssh_package', 'ssh.ssh', None, 'package'),
    Parameter('ssh_nix_package', 'ssh.nix', None, 'package'),
    Parameter('ssh_destination_pkgs', 'ssh.destinationPkgs', None, 'value'),
    Parameter('build_on_destination', 'buildOnDestination', None, 'truth'),
)
SYSTEM = (
    Parameter('configuration', 'configuration', None, 'module'),
    Parameter('config', 'config', None, 'value'),
    Parameter('system', 'system'),
    Parameter('nixpkgs', 'nixpkgs', None, 'file'),
)
# Modules take all that there is in them, the rest by way of `arguments`.
MODULE = (
    SETUP, INPUTS, SECRETS, *STATE, Parameter('mounts', 'mounts', {}, 'mapping'), Parameter('uid', 'uid', 0, 'number'),
    Parameter('gid', 'gid', 0, 'number'), Parameter('bin_sh', 'binsh', None, 'value'), Parameter('usr_bin_env', 'usrbinenv', None, 'value'),
    Parameter('fs_root_build_commands', 'fsRootBuildCommands', '', 'script'),
)
OTHER_OF_MODULES = names('env extraAttributes fsRoot')
GIT = (
    Parameter('git_remote', 'git.checkout.remote.url', None, 'value'),
    Parameter('forge_type', 'git.checkout.forgeType', None, 'value'),
    Parameter('git_user', 'git.checkout.user', 'git'),
    Parameter('git_token_secret', 'git.checkout.tokenSecret', 'token'),
    Parameter('update_branch', 'git.update.branch'),
    Parameter('base_branch', 'git.update.baseBranch', 'HEAD'),
    Parameter('base_merge', 'git.update.baseMerge.enable', None, 'truth'),
    Parameter('base_merge_branch', 'git.update.baseMerge.branch'),
    Parameter('base_merge_method', 'git.update.baseMerge.method', 'merge', choices=('merge', 'rebase', 'fast-forward', 'reset')),
    Parameter('create_pull_request', 'git.update.pullRequest.enable', None, 'truth'),
    Parameter('pull_request_base', 'git.update.pullRequest.base'),
    Parameter('pull_request_title', 'git.update.pullRequest.title'),
    Parameter('pull_request_body', 'git.update.pullRequest.body'),
    Parameter('auto_merge_method', 'git.update.pullRequest.autoMergeMethod', choices=('merge', 'rebase', 'squash')),
    Parameter('update_script', 'git.update.script', None, 'script'),
    Parameter('use_gh', 'programs.gh.enable', None, 'truth'),
)
REMOTE_BRANCH = ('git_remote', 'update_branch')
PUBLISHED = (
    Parameter('secret_name', 'secretName'),
    Parameter('secret_field', 'secretField', 'token'),
)

ALWAYS = 'Drop it: runNixOps always deploys with --allow-reboot and --allow-recreate. runNixOps2 can do without.'
ENTRIES = (
    Function('mkEffect', (NAME, Parameter('src', 'src', None, 'folder'), Parameter('effect_script', 'effectScript', '', 'script'),
                          *STATE, *SCRIPTS)),
    Function(
        'runNixOps',
        # In the order of the guide: what is deployed, from which files, how, with which secrets.
        (
            Parameter('deployment', 'name', None, 'name'),
            Parameter('src', 'src', None, 'source'),
            Parameter('network_files', 'networkFiles', ['network.nix'], 'sources'),
            Parameter('network_args', 'networkArgs', {}, 'mapping'),
            Parameter('prebuild', 'prebuild', True, 'truth'),
            Parameter('prebuild_only_network_files', 'prebuildOnlyNetworkFiles', [], 'sources'),
            Parameter('deploy_only_network_files', 'deployOnlyNetworkFiles', [], 'sources'),
            Parameter('state_name', 'stateName'),
            Parameter('known_hosts_name', 'knownHostsName'),
            *OF_NIXOPS, *SCRIPTS,
        ),
        replaced=names('getStateScript postGetState effectScript prePutState putStateScript prebuilt'),
        nixops=1,
        marks=names('stateName knownHostsName'),
        instead={
            'allowReboot': ALWAYS,
            'allowRecreate': ALWAYS,
            'extraDeployArgs': 'Drop it: runNixOps passes no further arguments to nixops deploy. runNixOps2 does.',
            'forgetState': 'Drop it: runNixOps always keeps its state.',
            'makeAnException': 'Drop it: runNixOps takes every action.',
            'flake': 'Drop it, and set src and network_files: NixOps 1 knows no flakes.',
            'nixops': 'Set pins.nixops, the nixpkgs that runNixOps takes NixOps from.',
            'nix': 'Drop it: runNixOps takes Nix from the pinned nixpkgs.',
            'prebuildNetworkArgs': 'Use network_args, which prebuilding gets, too.',
            'prebuildOnlyModules': 'Import the modules in a network file, and name that in prebuild_only_network_files.',
        },
    ),
    Function(
        'runNixOps2',
        (
            Parameter('deployment', 'name'),
            Parameter('nixops_package', 'nixops', None, 'nixops'),
            Parameter('nix_package', 'nix', None, 'package'),
            Parameter('flake', 'flake', None, 'value'),
            Parameter('src', 'src', None, 'source'),
            Parameter('network_files', 'networkFiles', None, 'sources'),
            Parameter('prebuild', 'prebuild', True, 'truth'),
            Parameter('prebuild_network_args', 'prebuildNetworkArgs', {}, 'mapping'),
            Parameter('prebuild_only_network_files', 'prebuildOnlyNetworkFiles', [], 'sources'),
            Parameter('prebuild_only_modules', 'prebuildOnlyModules', [], 'values'),
            Parameter('forget_state', 'forgetState', False, 'truth'),
            Parameter('allow_reboot', 'allowReboot', True, 'truth'),
            Parameter('allow_recreate', 'allowRecreate', True, 'truth'),
            Parameter('extra_deploy_args', 'extraDeployArgs', [], 'texts'),
            *OF_NIXOPS, *SCRIPTS,
        ),
        more=names('makeAnException'),
        replaced=names('prebuilt'),
        nixops=2,
        marks=names('NIXOPS_DEPLOYMENT'),
        instead={
            'stateName': 'Set network.storage.hercules-ci.stateName in nixops.nix: NixOps 2 itself knows where its state is.',
            'knownHostsName': 'Drop it: runNixOps2 keeps no known_hosts file.',
            'networkArgs': 'Use prebuild_network_args for prebuilding; what NixOps 2 deploys is given no arguments.',
            'deployOnlyNetworkFiles': 'Drop it: NixOps 2 deploys nixops.nix alone; import the files there.',
        },
    ),
    Function(
        'runNixOS',
        (*SYSTEM, Parameter('profile', 'profile', '/nix/var/nix/profiles/system'), *SSH,
         Parameter('effect_script', 'effectScript', '', 'script'), *WITHOUT_INPUTS),
        more=names('passthru'), replaced=names('name inputs'),
        needs=(('ssh_destination',), ('configuration', 'config')), destination='ssh_destination',
    ),
    Function(
        'runNixDarwin',
        (NAME, Parameter('nix_darwin', 'nix-darwin', None, 'file'), *SYSTEM, Parameter('pkgs', 'pkgs', None, 'value'), *SSH,
         *WITHOUT_INPUTS),
        more=names('passthru'), replaced=names('inputs effectScript dontUnpack'),
        needs=(('ssh_destination',), ('configuration', 'config')),
        excludes={'config': ('configuration', 'nixpkgs', 'nix_darwin', 'system', 'pkgs')}, destination='ssh_destination',
    ),
    Function(
        'runArion',
        (
            Parameter('project_name', 'name', None, 'name'),
            Parameter('directory', 'directory', None, 'file'),
            Parameter('modules', 'modules', None, 'modules'),
            Parameter('pkgs', 'pkgs', None, 'value'),
            Parameter('host_nix_store_prefix', 'hostNixStorePrefix', ''),
            *WITHOUT_INPUTS,
        ),
        more=names('uid passthru'), replaced=names('inputs effectScript dontUnpack projectName prebuilt'),
        needs=(('directory', 'modules'),),
    ),
    Function(
        'runCachixDeploy',
        (
            Parameter('deploy', 'deploy', None, 'value'),
            Parameter('deploy_json_file', 'deployJsonFile', None, 'file'),
            Parameter('cachix_package', 'cachix', None, 'package'),
            Parameter('async', 'async', False, 'truth'),
            Parameter('effect_script', 'effectScript', '', 'script'),
            INPUTS, *CHECKS, SECRETS,
        ),
        replaced=names('name userSetupScript'),
        needs=(('deploy', 'deploy_json_file'),), excludes={'deploy': ('deploy_json_file',)},
        reads=(Reading('activate', 'cachixActivateToken', 'default-cachix-activate'),),
    ),
    Function(
        'gitWriteBranch',
        (
            *GIT,
            Parameter('contents', 'contents', None, 'file'),
            Parameter('destination', 'destination', '.'),
            Parameter('update_message', 'message'),
            Parameter('allow_executable_files', 'allowExecutableFiles', True, 'truth'),
            Parameter('src', 'src', None, 'folder'), *MODULE,
        ),
        # These the module sets itself, and refuses another value.
        more=OTHER_OF_MODULES, replaced=names('name effectScript'), strict=True, modular=True,
        needs=(('git_remote',), ('forge_type',), ('update_branch',), ('contents',)),
        reads=(Reading('token', 'token', GIT_TOKEN, key_option='git_token_secret'),), pushes_to=REMOTE_BRANCH,
    ),
    Function(
        'flakeUpdate',
        (
            Parameter('git_remote', 'gitRemote', None, 'value'),
            Parameter('forge_type', 'forgeType', 'github', 'value'),
            Parameter('git_user', 'user', 'git'),
            Parameter('token_secret', 'tokenSecret', GIT_TOKEN, 'value'),
            Parameter('update_branch', 'updateBranch', 'flake-update'),
            Parameter('base_merge_branch', 'baseMergeBranch'),
            Parameter('base_merge_method', 'baseMergeMethod', 'merge', choices=('merge', 'rebase', 'fast-forward', 'reset')),
            Parameter('create_pull_request', 'createPullRequest', True, 'truth'),
            Parameter('pull_request_title', 'pullRequestTitle'),
            Parameter('pull_request_body', 'pullRequestBody'),
            Parameter('auto_merge_method', 'autoMergeMethod', choices=('merge', 'rebase', 'squash')),
            Parameter('flakes', 'flakes', None, 'mapping'),
            Parameter('flake_inputs', 'inputs', [], 'texts'),
            Parameter('commit_summary', 'commitSummary', ''),
            Parameter('nix_package', 'nix', None, 'package'),
            Parameter('module', 'module', None, 'module'),
        ),
        strict=True,
        needs=(('git_remote',),), excludes={'flakes': ('flake_inputs', 'commit_summary')},
        reads=(Reading('token', 'token', GIT_TOKEN, name_option='token_secret'),), pushes_to=REMOTE_BRANCH,
    ),
    Function(
        'cargoPublish',
        (
            NAME, *PUBLISHED,
            Parameter('src', 'src', None, 'source'),
            Parameter('manifest_path', 'manifestPath', 'Cargo.toml'),
            Parameter('extra_publish_args', 'extraPublishArgs', [], 'texts'),
            Parameter('registry_url', 'registryURL'),
            Parameter('dry_run', 'dryRun', False, 'truth'),
            Parameter('assert_versions', 'assertVersions', {}, 'value'),
            *WITHOUT_INPUTS,
        ),
        replaced=names('buildInputs inputs effectScript'), needs=(('secret_name', 'dry_run'),),
        # The script reads this field whatever secretField says (cargo-setup-hook.sh).
        reads=(Reading('cargo', 'token', name_option='secret_name', unless='dry_run'),),
    ),
    Function(
        'netlifyDeploy',
        (
            NAME, *PUBLISHED,
            Parameter('content', 'content', None, 'file'),
            Parameter('site_id', 'siteId'),
            Parameter('production_deployment', 'productionDeployment', False, 'truth'),
            Parameter('extra_deploy_args', 'extraDeployArgs', [], 'texts'),
            *WITHOUT_INPUTS,
        ),
        replaced=names('buildInputs inputs effectScript netlifySecretField NETLIFY_SITE_ID'),
        needs=(('content',), ('site_id',), ('secret_name',)),
        reads=(Reading('netlify', 'token', name_option='secret_name', field_option='secret_field'),),
    ),
    Function(
        'runPutUrl',
        (Parameter('effect_name', 'name', None, 'name'), Parameter('put_url', 'url'), Parameter('put_file', 'file', None, 'file')),
        strict=True, needs=(('put_url',), ('put_file',)),
    ),
    Function(
        'modularEffect',
        (NAME, Parameter('imports', 'imports', [], 'modules'), Parameter('src', 'src', None, 'folder'),
         Parameter('effect_script', 'effectScript', '', 'script'), *MODULE),
        more=OTHER_OF_MODULES, strict=True, modular=True,
    ),
)
FUNCTIONS: dict[str, Function] = {entry.name: entry for entry in ENTRIES}


def of(name: str | None) -> Function:
    """The function of this name; one without parameters where the table has none."""
    return FUNCTIONS.get(name or DEFAULT) or Function(str(name), strict=True)


def of_effect(effect: Mapping[str, Any]) -> Function:
    """The function that makes an effect."""
    return of(str(effect.get('function') or DEFAULT))


def nixops_of(name: str | None) -> int | None:
    """Which NixOps a function runs; `None` where it runs none, or is not known itself."""
    return of(name).nixops if name else None


def running(nixops: int) -> str:
    """The function that runs a NixOps."""
    return next(name for name, entry in FUNCTIONS.items() if entry.nixops == nixops)


def with_nixops() -> dict[str, int]:
    """The functions that run NixOps, and which one."""
    return {name: entry.nixops for name, entry in FUNCTIONS.items() if entry.nixops is not None}


def all_options() -> dict[str, Parameter]:
    """Every option of a parameter of some function."""
    return {parameter.option: parameter for entry in FUNCTIONS.values() for parameter in entry.parameters}


def raw_value(effect: Mapping[str, Any], attribute: str) -> Any:
    """What the raw arguments of an effect have for a parameter: perhaps code that it is in, and `None` where they have nothing."""
    value: Any = effect.get('arguments') if isinstance(effect.get('arguments'), Mapping) else None
    for name in attribute.split('.'):
        if not isinstance(value, Mapping) or set(value) == {'_nix'}:
            return value
        value = value.get(name)
    return value


def described(effect: Mapping[str, Any]) -> dict[str, Any]:
    """The effect with what its raw arguments say under the options that there are for that.

    Text in them is text, where an option would take it for a file of the checkout or a package.
    """
    found = dict(effect)
    for option, attribute, _default, kind, _choices in of_effect(effect).parameters:
        value = raw_value(effect, attribute) if found.get(option) is None else None
        if value is not None:
            is_text = isinstance(value, str) and kind in (*FILES, 'package')
            found[option] = {'_nix': quoted(value)} if is_text else value
    return found


def options_of_secrets() -> set[str]:
    """The options that say which secrets functions read by themselves."""
    readings = [reading for entry in FUNCTIONS.values() for reading in entry.reads]
    named = {option for each in readings for option in (each.name_option, each.field_option, each.key_option, each.unless)}
    return named - {''}


def options_of_kind(*kinds: str) -> set[str]:
    """The options of all functions with parameters of these kinds."""
    return {parameter.option for entry in FUNCTIONS.values() for parameter in entry.of_kind(*kinds)}


def read_by(effect: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """The secrets that the function of an effect reads by itself: key in secretsMap, what that has for it, and the field."""
    for reading in of_effect(effect).reads:
        if not (reading.unless and effect.get(reading.unless)):
            key, field = (
                value if isinstance(value, str) else own
                for value, own in ((effect.get(reading.key_option), reading.key), (effect.get(reading.field_option), reading.field))
            )
            given = effect.get('secrets_map')
            name = effect.get(reading.name_option) or reading.name
            yield key, given.get(key, name) if isinstance(given, Mapping) else name, field
