# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the index gets into a bucket: only in the place of the one that was seen, where the server and boto3 know how to say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.bucket import Bucket
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.options import PLACE, store_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.store import Changed, Store
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ParamValidationError

from tests.aws.services import read_services_once


class Server:
    """What answers boto3: each request with a condition ends with the first of these errors, if there is one."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.puts: list[dict[str, Any]] = []

    def answer(self, operation: str, options: dict[str, Any]) -> dict[str, Any]:
        assert operation == 'PutObject'
        self.puts.append(options)
        for error in self.errors if {'IfMatch', 'IfNoneMatch'} & set(options) else ():
            raise error
        return {}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    read_services_once()
    made = Server()
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'none'))
    monkeypatch.setattr(BaseClient, '_make_api_call', made.answer)
    return made


@pytest.fixture
def store(server: Server) -> Store:
    found = store_of({**dict.fromkeys(PLACE), 'bucket': 'backups', 'prefix': '/nix/', 'region': 'eu-west-1'}, write=True)
    assert isinstance(found, Bucket) and found.where == 's3://backups/nix'
    return found


def refused(code: str) -> ClientError:
    return ClientError({'Error': {'Code': code}}, 'PutObject')


SEEN = pytest.mark.parametrize(('seen', 'condition'), [(None, {'IfNoneMatch': '*'}), ('"tag"', {'IfMatch': '"tag"'})])


@SEEN
def test_the_index_takes_the_place_of_the_one_that_was_seen(store: Store, server: Server, seen: Any, condition: dict[str, str]) -> None:
    store.write_index(b'{}', seen)
    (put,) = server.puts
    assert {'Bucket': 'backups', 'Key': 'nix/index.json', 'Body': b'{}', **condition}.items() <= put.items()


@SEEN
@pytest.mark.parametrize(
    'error', [ParamValidationError(report='IfMatch'), refused('NotImplemented'), refused('501')], ids=['boto3', 'server', 'old server'])
def test_where_nobody_knows_conditions_the_index_is_written_without(
    store: Store, server: Server, error: Exception, seen: Any, condition: dict[str, str],
) -> None:
    server.errors.append(error)
    store.write_index(b'{}', seen)
    first, second = server.puts
    assert first == {**second, **condition} and second['Body'] == b'{}'


@pytest.mark.parametrize('code', ['PreconditionFailed', 'ConditionalRequestConflict', '412', '409'])
def test_an_index_that_somebody_else_has_written_meanwhile_stays(store: Store, server: Server, code: str) -> None:
    server.errors.append(refused(code))
    with pytest.raises(Changed):
        store.write_index(b'{}', '"tag"')
    assert len(server.puts) == 1


@pytest.mark.parametrize(('code', 'remedy'), [('AccessDenied', 'Allow s3:GetObject'), ('SlowDown', 'Look at the bucket and its policy')])
def test_a_server_that_refuses_is_not_asked_again(store: Store, server: Server, code: str, remedy: str) -> None:
    server.errors.append(refused(code))
    with pytest.raises(Failure) as failure:
        store.write_index(b'{}', None)
    (problem,) = failure.value.problems
    assert (problem.where, problem.found) == ('s3://backups/nix, nix/index.json', code)
    assert problem.remedy.startswith(remedy) and len(server.puts) == 1
