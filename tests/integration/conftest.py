# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Worlds for the tests, with the collection installed from its tarball. What tests themselves import is this checkout's."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import collection
from tests.support.installed import build, install
from tests.support.world import World, running_world

collection.make_importable()


@pytest.fixture(scope='session')
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built and installed once."""
    folder = tmp_path_factory.mktemp('installed')
    install(build(folder), folder / 'collections')
    return folder / 'collections'


@pytest.fixture
def world(tmp_path: Path, collections: Path) -> Iterator[World]:
    """The guide's world, in which nothing has been played yet."""
    with running_world(tmp_path / 'world', collections) as made:
        yield made


@pytest.fixture(scope='module')
def deployed_world(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Iterator[World]:
    """A world after its first deployment, for all tests of a module."""
    with running_world(tmp_path_factory.mktemp('deployed') / 'world', collections) as made:
        played = made.play()
        assert played.code == 0, played.output
        yield made


@pytest.fixture
def deployed(deployed_world: World) -> Iterator[World]:
    """The same for one test, which may change the inventory and the sandbox's behaviour, and begins with a commit of its own."""
    inventory = copy.deepcopy(deployed_world.inventory)
    yield deployed_world
    deployed_world.inventory = inventory
    deployed_world.sandbox.fail_effects({})
    deployed_world.sandbox.hold_effects(False)
    deployed_world.sandbox.wait_until_idle()
