# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token is found where hci finds it, in the same order: see tests/fixtures/hci."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.credentials import find_token
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._project import ProjectPath


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Any]:
    """A file of each kind, and an environment that points to them."""
    config = tmp_path / 'config' / 'hercules-ci'
    config.mkdir(parents=True)
    (config / 'credentials.json').write_text(json.dumps({'domains': {'ci.example': {'personalToken': 'stored'}}}))
    (tmp_path / 'secrets.json').write_text(json.dumps({'hercules-ci': {'kind': 'Secret', 'data': {'token': 'of-effect'}}}))
    (tmp_path / 'other.json').write_text(json.dumps({'domains': {'ci.example': {'personalToken': 'other'}}}))
    environment = {
        'HERCULES_CI_API_TOKEN': 'of-environment',
        'IN_HERCULES_CI_EFFECT': 'true',
        'HERCULES_CI_SECRETS_JSON': str(tmp_path / 'secrets.json'),
        'XDG_CONFIG_HOME': str(tmp_path / 'config'),
        'HOME': str(tmp_path / 'home'),
    }
    return {'environment': environment, 'other': str(tmp_path / 'other.json')}


def test_the_order(places: dict[str, Any]) -> None:
    environment, other = places['environment'], places['other']
    assert find_token('ci.example', 'option', other, environment).value == 'option'
    assert find_token('ci.example', None, other, environment).value == 'other'
    assert find_token('ci.example', None, None, environment).value == 'of-environment'
    del environment['HERCULES_CI_API_TOKEN']
    assert find_token('ci.example', None, None, environment).value == 'of-effect'
    environment['IN_HERCULES_CI_EFFECT'] = 'false'
    assert find_token('ci.example', None, None, environment).value == 'stored'
    (Path(environment['HOME']) / '.config' / 'hercules-ci').mkdir(parents=True)
    (Path(environment['HOME']) / '.config' / 'hercules-ci' / 'credentials.json').write_text(
        json.dumps({'domains': {'ci.example': {'personalToken': 'at-home'}}})
    )
    del environment['XDG_CONFIG_HOME']
    assert find_token('ci.example', None, None, environment).value == 'at-home'


def test_the_token_is_not_in_its_representation(places: dict[str, Any]) -> None:
    token = find_token('ci.example', 'option', None, places['environment'])
    assert 'option' not in repr(token).replace('the option api_token', '')


@pytest.mark.parametrize(
    ('content', 'what'),
    [
        (None, 'no token'),
        ('', 'not valid JSON'),
        ('{"domains": {', 'not valid JSON'),
        ('[]', 'no token'),
        ('{"domains": {"elsewhere": {"personalToken": "x"}}}', 'no token'),
        ('{"domains": {"ci.example": {"personalToken": 7}}}', 'no token'),
        ('{"domains": {"ci.example": {"personalToken": "two words"}}}', 'no token has'),
        ('{"domains": {"ci.example": {"personalToken": "line\\nbreak"}}}', 'no token has'),
    ],
)
def test_files_without_a_token(content: str | None, what: str, tmp_path: Path) -> None:
    path = tmp_path / 'credentials.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(Failure, match=what) as raised:
        find_token('ci.example', None, str(path), {})
    assert 'hci login' in str(raised.value)
    assert 'two words' not in str(raised.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(Failure, match=r'The credentials file cannot be read.* Found: Not a directory.* To do: .*hci login'):
        find_token('ci.example', None, str(tmp_path / 'file' / 'credentials.json'), {})


def test_inside_an_effect_no_other_token_is_used(places: dict[str, Any], tmp_path: Path) -> None:
    environment = {**places['environment'], 'HERCULES_CI_SECRETS_JSON': str(tmp_path / 'none')}
    del environment['HERCULES_CI_API_TOKEN']
    with pytest.raises(Failure, match='no token'):
        find_token('ci.example', None, None, environment)


@pytest.mark.parametrize(
    ('url', 'what'),
    [
        ('hercules-ci.com', 'does not start'),
        ('localhost:8080', 'does not start'),
        ('ftp://ci.example', 'does not start'),
        ('https://', 'does not start'),
        ('https://user:password@ci.example', 'holds a user'),
        ('https://ci.example?x=1', 'more than'),
        ('https://ci.example/a b', 'more than'),
    ],
)
@pytest.mark.parametrize('by_option', [True, False])
def test_addresses_that_are_refused(url: str, what: str, by_option: bool) -> None:
    options, environment = ({'api_base_url': url}, {}) if by_option else ({}, {'HERCULES_CI_API_BASE_URL': url})
    with pytest.raises(Failure, match=what) as raised:
        connect({'api_token': 'x', **options}, environment)
    assert ('api_base_url' if by_option else 'HERCULES_CI_API_BASE_URL') in str(raised.value)
    assert 'password@' not in str(raised.value)


def test_the_domain_has_no_port_and_the_default_is_the_service(places: dict[str, Any]) -> None:
    environment = {'XDG_CONFIG_HOME': places['environment']['XDG_CONFIG_HOME'], 'HERCULES_CI_API_BASE_URL': 'http://ci.example:8080/x/'}
    assert connect({}, environment).base_url == 'http://ci.example:8080/x'
    assert connect({'api_token': 'x'}, {}).base_url == 'https://hercules-ci.com'


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / 'empty.pem').write_text('no certificate')
    for path in ('empty.pem', 'none.pem'):
        with pytest.raises(Failure, match='ca_path'):
            connect({'api_token': 'x', 'ca_path': str(tmp_path / path)}, {})


@pytest.mark.parametrize('text', ['', 'a', 'a/b', 'a/b/', '/a/b', 'a//b', 'a/../b', ' a/b/c', 'a/b/c '])
def test_project_paths_that_are_refused(text: str) -> None:
    with pytest.raises(Failure, match='SITE/ACCOUNT/PROJECT'):
        ProjectPath.parse(text)


def test_project_paths() -> None:
    project = ProjectPath.parse('gitlab/some group/sub/ä?#%')
    assert str(project) == 'gitlab/some group/sub/ä?#%'
    assert project.api_path == '/site/gitlab/account/some%20group/project/sub%2F%C3%A4%3F%23%25'
