# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of other functions than NixOps', for a checkout that has the files of the examples and these."""

from __future__ import annotations

from pathlib import Path

from tests.support.repository import git

FILES = {
    'web.nix': '{ networking.hostName = "web"; fileSystems."/".device = "/dev/vda1"; boot.loader.grub.enable = false; }\n',
    'arion-compose.nix': '{ }\n',
    'site/index.html': '<p>Neat</p>\n',
}
WEB = {
    'nixops_function': 'runNixOS', 'nixops_configuration': 'web.nix', 'nixops_ssh_destination': 'root@web.example.net',
    'nixops_secrets_map': {'ssh': 'neat-ssh'},
    'nixops_user_setup_script': "writeSSHKey ssh\necho 'web.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts",
}
SERVICES = {'nixops_function': 'runArion', 'nixops_modules': ['arion-compose.nix']}
PAGES = {'nixops_function': 'gitWriteBranch', 'nixops_git_remote': 'https://git.example.net/neat.git', 'nixops_forge_type': 'gitlab',
         'nixops_update_branch': 'pages', 'nixops_contents': 'site'}
MORE = {'web': WEB, 'services': SERVICES, 'pages': PAGES}


def add(checkout: Path, files: dict[str, str], *branches: str) -> None:
    """Commit files, and push that to branches."""
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    git(checkout, 'add', '.')
    git(checkout, 'commit', '--quiet', '-m', 'More to deploy')
    git(checkout, 'push', '--quiet', 'origin', 'main', *('main:%s' % branch for branch in branches))
