# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real replies of the sandbox are what the description of the service's API says."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from ruamel.yaml import YAML

from tests.integration.sandbox.conftest import PROJECT, SITE_PATH, Client, Repository, imports
from tests.sandbox.server import Sandbox
from tests.sandbox.service import API_ROUTES
from tests.support.surroundings import FIXTURES

DESCRIPTION = YAML(typ='safe').load(
    (FIXTURES / 'contract' / 'hercules-ci-api.openapi.yaml').read_text(encoding='utf-8'))
# What no deployment tool calls.
LEFT_OUT = {'createCliAuthorizationRequest', 'getCliAuthorizationRequestStatus', 'listClusterJoinTokens', 'createClusterJoinToken',
            'deleteClusterJoinToken'}
OPERATIONS = [(method.upper(), template, operation) for template, item in DESCRIPTION['paths'].items() for method, operation in item.items()
              if method != 'parameters' and operation['operationId'] not in LEFT_OUT]


def example_path(template: str) -> str:
    return re.sub(r'\{\w+\}', 'x', template)


@pytest.mark.parametrize(('method', 'template'), [operation[:2] for operation in OPERATIONS])
def test_every_operation_has_a_route(method: str, template: str) -> None:
    assert [route for route in API_ROUTES if route.method == method and route.pattern.fullmatch(example_path(template))]


def check(method: str, template: str, answer: Any) -> None:
    """Compare a reply with the schema of the operation's successful reply."""
    operation = next(operation for found, path, operation in OPERATIONS if (found, path) == (method, template))
    assert answer.status == 200, answer.body
    content = operation['responses']['200'].get('content', {})
    if 'application/json' in content:
        schema = {**content['application/json']['schema'], 'components': DESCRIPTION['components']}
        errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer.json))
        assert not errors, errors[0]
        assert answer.headers['content-type'].startswith('application/json')
    elif content:
        assert answer.headers['content-type'] in content
    else:
        assert answer.body == b''


def test_replies_match_the_description(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    repository.commit(ci_nix='''let %s in { herculesCI = { ... }: {
      onPush.default.outputs = { effects."a.b" = mkEffect { effectScript = "getStateFile s; echo 1 >s; putStateFile s"; }; };
      onSchedule.nightly = { when.minute = 5; outputs = { }; };
    }; }''' % imports(sandbox.pins()))
    repository.push('main')
    sandbox.add_agent('agent-1')
    sandbox.wait_until_idle()
    config, job = sandbox.jobs(PROJECT)
    assert job['jobStatus'] == 'Success'
    effect = '/jobs/%s/effects/%s' % (job['id'], quote('effects."a.b"'))
    log = client('GET', effect).json['events'][0][1]['Started']['logId']
    project = client('GET', SITE_PATH).json
    evaluation_log = client('GET', '/jobs/%s/evaluation' % job['id']).json['evaluationLog']
    lock = {'description': 'd', 'exclusive': True}
    lease = client('POST', SITE_PATH + '/lock/l', lock).json['contents']['leaseId']
    values = {'site': 'github', 'account': 'neat-org', 'project': 'neat-repo', 'projectId': project['id'], 'accountId': project['ownerId'],
              'jobId': job['id'], 'attribute': quote('effects."a.b"'), 'stateName': 's', 'lockName': 'l', 'lockLeaseId': lease,
              'forgeName': 'github', 'forgeId': project['owner']['site']['id'], 'jobName': 'nightly'}
    queries = {'getEffectLog': '?logId=%s&iMin=0' % log, 'getEvaluationLog': '?logId=%s' % evaluation_log,
               'parseGitUrl': '?gitURL=https://github.com/neat-org/neat-repo.git', 'findJobs': '?site=github&latest=5'}
    bodies: dict[str, Any] = {operation['operationId']: b'x' if method == 'PUT' else lock for method, _template, operation in OPERATIONS
                              if 'requestBody' in operation}
    token = client('POST', '/projects/%s/create-user-effect-token' % project['id']).json['token']
    # What ends something comes last.
    for method, template, operation in sorted(OPERATIONS, key=lambda item: item[0] == 'DELETE' or 'cancel' in item[1]):
        name = operation['operationId']
        values['jobId'] = config['id'] if 'on-schedule' in template or 'handlers' in template else job['id']
        path = re.sub(r'\{(\w+)\}', lambda match: values[match[1]], template)
        answer = client(method, path + queries.get(name, ''), bodies.get(name), token=token if 'current-task' in template else '')
        check(method, template, answer)


def test_states_of_both_kinds_of_uploaders_match_the_description(sandbox: Sandbox, client: Client) -> None:
    sandbox.put_state(PROJECT, 's', b'nobody')
    client('PUT', SITE_PATH + '/state/s/data', b'somebody')
    for form in ('hex', 'none'):
        sandbox.settings(sha256=form, size=form == 'hex')
        check('GET', '/site/{site}/account/{account}/project/{project}/states', client('GET', SITE_PATH + '/states'))
    check('GET', '/site/{site}/account/{account}/project/{project}/state/{stateName}/data', client('GET', SITE_PATH + '/state/s/data'))


def test_refusals_carry_an_error_body(client: Client) -> None:
    for answer in (client('GET', SITE_PATH + '/state/none/data'), client('GET', '/projects', token=None), client('GET', '/nowhere'),
                   client('DELETE', '/projects'), client('POST', SITE_PATH + '/lock/l', b'[]')):
        assert 400 <= answer.status < 500
        Draft202012Validator({**DESCRIPTION['components']['schemas']['Error']}).validate(answer.json)


@pytest.mark.parametrize(('url', 'status'), [
    ('git@github.com:neat-org/neat-repo.git', 200), ('ssh://git@github.com/neat-org/other', 200), ('https://example.org/a/b', 404),
    ('nonsense', 400), ('', 400)])
def test_git_urls(client: Client, url: str, status: int) -> None:
    assert client('GET', '/parse-git-url?gitURL=' + quote(url, safe='')).status == status


def test_public_projects_show_jobs_to_everybody(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_project('github/neat-org/open', public=True)
    assert client('GET', '/site/github/account/neat-org/project/open/jobs', token=None).json == {'items': [], 'more': False}
    assert [item['project']['name'] for item in client('GET', '/jobs', token=None).json] == ['open']
    assert client('GET', '/site/github/account/neat-org/project/open/states', token=None).status == 401
