# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Worlds for the tests, with the collection installed from its tarball."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installed import build, install
from tests.integration.world import World, running_world


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


@pytest.fixture
def deployed(world: World) -> World:
    """The same after a first deployment."""
    played = world.play()
    assert played.code == 0, played.output
    return world
