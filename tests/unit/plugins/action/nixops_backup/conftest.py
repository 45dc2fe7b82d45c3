# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of states of the sandbox, in a folder and in a bucket of a real server of moto."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.aws.services import read_services_once
from tests.sandbox.in_process import Sandbox
from tests.support.as_written import HostVars
from tests.support.surroundings import ROOT

PROJECT = 'github/neat-org/neat-repo'
FIXTURES = ROOT / 'tests' / 'fixtures' / 'nixops'
STATE = (FIXTURES / 'nixops-1.7' / 'export-aws-prod.json').read_bytes()
HOSTS = b'203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\n'


def state_of(name: str, **changes: str) -> bytes:
    """The state of a deployment of this name, its UUID made of it; changes: attributes of the machine app1."""
    document = json.loads(STATE)
    (deployment,) = document.values()
    deployment['name'] = name
    deployment['resources']['app1'].update(changes)
    return json.dumps({'%s-1700-11e7-8000-000000000003' % name.encode().hex()[-8:].zfill(8): deployment}).encode()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token='a-token') as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture(scope='session')
def s3() -> Iterator[str]:
    """The address of a server."""
    read_services_once()
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    yield 'http://127.0.0.1:%d' % server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """bucket(name, **of_create_bucket) makes a bucket, and returns the options for it."""
    monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'testing')
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'testing')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'none'))

    def make(name: str, **of_bucket: Any) -> dict[str, Any]:
        boto3.session.Session().client('s3', endpoint_url=s3, region_name='us-east-1').create_bucket(Bucket=name, **of_bucket)
        return {'bucket': name, 'endpoint_url': s3, 'region': 'us-east-1', 'prefix': 'nix/ops'}

    return make


@pytest.fixture
def networks(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The variables of a network; a test may add more."""
    return {'neat-network': network_of(sandbox, 'aws-prod')}


def network_of(sandbox: Sandbox, deployment: str, **variables: Any) -> dict[str, Any]:
    return {
        'nixops_project': PROJECT, 'nixops_checkout': '/nowhere', 'nixops_branches': ['main'], 'nixops_deployment': deployment,
        'nixops_state': 'present', 'nixops_api_base_url': sandbox.url, 'nixops_api_token': 'a-token', **variables,
    }


@pytest.fixture
def play(make_action: Callable[..., Any], networks: dict[str, dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """play('nixops_backup', check=False, host=…, **options) runs an action plugin for the networks."""

    def run(name: str, *, check: bool = False, host: str = 'neat-network', **options: Any) -> dict[str, Any]:
        variables = {
            'groups': {'nixops_networks': [*networks]}, 'hostvars': HostVars(networks), 'ansible_play_batch': [*networks],
            'inventory_hostname': host,
        }
        result = make_action(name, options, check_mode=check, diff=True).run(task_vars=variables)
        assert 'a-token' not in json.dumps(result)
        assert 'PRIVATE KEY' not in json.dumps(result)
        return dict(result)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'backups' / 'nixops'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of what is replaced lie below it."""
    monkeypatch.setenv('HOME', os.fspath(tmp_path / 'home'))
    monkeypatch.delenv('XDG_STATE_HOME', raising=False)
