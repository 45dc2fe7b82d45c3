# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as users have it: built into a tarball from a clean export of this tree, and installed from the tarball."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.surroundings import export

GALAXY = str(Path(sys.executable).parent / 'ansible-galaxy')


def build(folder: Path) -> Path:
    """Export what a clone would hold into the folder, and build the tarball beside it."""
    export(folder / 'export')
    command = [GALAXY, 'collection', 'build', str(folder / 'export'), '--output-path', str(folder / 'dist')]
    subprocess.run(command, check=True, capture_output=True)
    (tarball,) = (folder / 'dist').glob('nixcd-hercules_ci-*.tar.gz')
    return tarball


def install(tarball: Path, collections: Path) -> None:
    """Install a tarball so that ANSIBLE_COLLECTIONS_PATH=COLLECTIONS finds it; nothing is downloaded."""
    # by force: else it is content with another one on ANSIBLE_COLLECTIONS_PATH
    command = [GALAXY, 'collection', 'install', '--offline', '--force', '-p', str(collections), str(tarball)]
    subprocess.run(command, check=True, capture_output=True)
