# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Where a state comes from: a database, an export file. (What the program nixops exports: see program.)"""

from __future__ import annotations

from typing import IO

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.database import find_deployment, open_database
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.export import export_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State, copy_state, write_state
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail


def from_database(path: str, wanted: str, layout: str, file: IO[bytes]) -> State:
    """Export a deployment of a database. layout: C(1.x), C(2.x), or C(auto) for that of the NixOps that wrote the deployment."""
    with open_database(path) as database:
        deployment = find_deployment(database.deployments(), wanted, path)
        if layout == 'auto':
            layout = '1.x' if database.written_by_nixops_1() else '2.x'
        return write_state(export_text(database, [deployment.uuid], layout), file, path)


def from_file(path: str, file: IO[bytes]) -> State:
    """Copy a file, so that what is checked is what is uploaded, whoever writes to the file meanwhile."""
    try:
        with open(path, 'rb') as source:
            return copy_state(source, file, path)
    except OSError as error:
        raise fail('The file cannot be read.', where=path, found=str(error.strerror), remedy='Check the path and its permissions') from None
