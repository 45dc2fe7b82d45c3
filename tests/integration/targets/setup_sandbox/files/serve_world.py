# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the world of the guide in a folder, put its networks' variables and the token into world.json there, serve it until SIGTERM."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from tests.sandbox.signals import expect_the_end
from tests.support.world import TOKEN, running_world


def main() -> None:
    """Serve it."""
    folder = Path(sys.argv[1])
    folder.mkdir()
    wait_for_the_end = expect_the_end()
    with running_world(folder, folder) as world:
        described = {**world.inventory['nixops_networks']['vars'], 'token': TOKEN, 'nix': world.nix_environment()}
        (folder / 'new.json').write_text(json.dumps(described))
        (folder / 'new.json').rename(folder / 'world.json')
        wait_for_the_end()


main()
