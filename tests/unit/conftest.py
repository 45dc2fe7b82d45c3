# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the tests import ansible_collections.nixcd.hercules_ci from a plain checkout, and take as long as a busy machine needs."""

from __future__ import annotations

import atexit
import functools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from ansible.utils.display import Display
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]


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


def pytest_configure() -> None:
    """Install Ansible's own collection finder, so that imports resolve as they do for users; no property has a time to keep."""
    parent = str(collection_parent())
    sys.path.insert(0, parent)
    _AnsibleCollectionFinder(paths=[parent])._install()
    settings.register_profile('nixcd', deadline=None)
    settings.load_profile('nixcd')


@pytest.fixture(autouse=True)
def nothing_is_deprecated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What ansible-core calls deprecated fails the test that uses it first. It says so once in a process."""
    told: list[str] = []
    display = Display.display

    def tell(self: Display, msg: str, *arguments: Any, **options: Any) -> None:
        if '[DEPRECATION WARNING]' in msg:
            told.append(msg)
        display(self, msg, *arguments, **options)

    monkeypatch.setattr(Display, 'display', tell)
    yield
    assert told == []
