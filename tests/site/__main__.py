# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the documentation as HTML: `python -m tests.site FOLDER`. A warning of Sphinx is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.surroundings import copy_as_collection, environment

HERE = Path(__file__).parent
COLLECTION = 'nixcd.hercules_ci'


def build(folder: Path) -> None:
    """Put the pages into the folder, in the place of what was there."""
    with tempfile.TemporaryDirectory(prefix='nixcd-site-') as made:
        top = Path(made)
        copy_as_collection(top)
        source = top / 'rst'
        source.mkdir(mode=0o700)
        variables = {**environment(top, Path(sys.executable).parent), 'SITE_WORK': made}
        subprocess.run(['antsibull-docs', '--config-file', HERE / 'antsibull-docs.cfg', 'collection', '--use-current', '--squash-hierarchy',
                        '--dest-dir', source, COLLECTION], check=True, env=variables)
        pages = top / 'html'
        subprocess.run(['sphinx-build', '--quiet', '--builder', 'html', '--conf-dir', HERE, '--doctree-dir', top / 'doctrees',
                        '--fail-on-warning', '--keep-going', source, pages], check=True, env=variables)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(pages, folder)


def main() -> int:
    """Build, and say where to look."""
    folder = Path(sys.argv[1])
    try:
        build(folder)
    except subprocess.CalledProcessError as error:
        print('%s ended with exit code %d.' % (os.path.basename(error.cmd[0]), error.returncode))
        return 1
    print(folder / 'index.html')
    return 0


if __name__ == '__main__':
    sys.exit(main())
