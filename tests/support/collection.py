# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection of this checkout, as Ansible finds and imports it."""

from __future__ import annotations

import atexit
import functools
import shutil
import sys
import tempfile
from pathlib import Path

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

from tests.support.surroundings import ROOT


@functools.cache
def collection_parent() -> Path:
    """The folder that holds ansible_collections/: the real one under ansible-test, else one made of a link to this checkout.

    One that was made is removed when Python ends.
    """
    if ROOT.parts[-3:-1] == ('ansible_collections', 'nixcd'):
        return ROOT.parents[2]
    parent = Path(tempfile.mkdtemp(prefix='nixcd-hercules-ci-'))
    atexit.register(shutil.rmtree, parent)
    namespace = parent / 'ansible_collections' / 'nixcd'
    namespace.mkdir(parents=True)
    (namespace / 'hercules_ci').symlink_to(ROOT)
    return parent


def make_importable() -> None:
    """Install Ansible's own collection finder, so that imports resolve as they do for users."""
    parent = str(collection_parent())
    sys.path.insert(0, parent)
    _AnsibleCollectionFinder(paths=[parent])._install()
