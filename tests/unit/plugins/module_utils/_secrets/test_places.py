# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.places import Place, agent_folder, secrets_file


@pytest.mark.parametrize(('name', 'system', 'place'), [
    (None, 'Linux', Place('/var/lib/hercules-ci-agent/secrets', 'hercules-ci-agent', 0o400)),
    ('deploy', 'Linux', Place('/var/lib/hercules-ci-agent-deploy/secrets', 'hci-deploy', 0o400)),
    (None, 'Darwin', Place('/var/lib/hercules-ci-agent/secrets', '_hercules-ci-agent', 0o400)),
])
def test_agents(name: str | None, system: str, place: Place) -> None:
    assert agent_folder(name, system) == place


def test_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/u')
    monkeypatch.delenv('XDG_CONFIG_HOME', raising=False)
    assert secrets_file('/x/s.json', None, None) == Place('/x/s.json', None, 0o400)
    assert secrets_file(None, 'deploy', None).path.endswith('-deploy/secrets/secrets.json')
    mine = secrets_file(None, None, 'github/neat-org/neat-repo')
    assert mine == Place('/home/u/.config/hercules-ci/secrets/github/neat-org/secrets.json', None, 0o600)
    monkeypatch.setenv('XDG_CONFIG_HOME', '/etc/xdg')
    assert secrets_file(None, None, 'github/neat-org/x').path == '/etc/xdg/hercules-ci/secrets/github/neat-org/secrets.json'
