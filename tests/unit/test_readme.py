# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README names all that a user can call, and every guide."""

from __future__ import annotations

import pytest

from tests.unit.conftest import ROOT

PLUGINS = sorted(
    file.stem for kind in ('modules', 'inventory', 'filter') for file in (ROOT / 'plugins' / kind).glob('*.py') if file.stem != '__init__'
)
GUIDES = sorted('docs/docsite/rst/%s' % file.name for file in (ROOT / 'docs' / 'docsite' / 'rst').glob('*.rst'))


@pytest.mark.parametrize('name', ['`%s`' % plugin for plugin in PLUGINS] + ['](%s)' % guide for guide in GUIDES])
def test_the_readme_has_it(name: str) -> None:
    assert name in (ROOT / 'README.md').read_text(encoding='utf-8')


def test_every_guide_is_in_the_table_of_contents() -> None:
    contents = (ROOT / 'docs' / 'docsite' / 'extra-docs.yml').read_text(encoding='utf-8')
    assert all('- %s\n' % guide.rpartition('/')[2].removesuffix('.rst') in contents for guide in GUIDES)
