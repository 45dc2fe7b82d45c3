# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages for people: what the sandbox has, and one job."""

from __future__ import annotations

from html import escape

from tests.sandbox import admin_api
from tests.sandbox.messages import HTTPFailure, Reply, Request, route

STYLE = 'body{font:16px sans-serif;margin:2em;max-width:70em} pre{background:#eee;padding:1em;overflow:auto} td{padding-right:2em}'


def _page(title: str, *parts: str) -> Reply:
    text = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>%s</title><style>%s</style><h1>%s</h1>%s</html>' % (
        escape(title), STYLE, escape(title), ''.join(parts))
    return Reply(body=text.encode(), content_type='text/html;charset=utf-8')


def _log(title: str, lines: list[str]) -> str:
    return '<h2>%s</h2><pre>%s</pre>' % (escape(title), escape('\n'.join(lines)))


def _job(request: Request) -> Reply:
    path = '/'.join(request.path[name] for name in ('site', 'account', 'project'))
    for project in request.service.summary()['projects']:
        for job in project['jobs']:
            if project['path'] == path and str(job['index']) == request.path['index']:
                facts = {'Kind': job['jobType'], 'Name': job['jobName'], 'Phase': job['jobPhase'], 'Status': job['jobStatus'],
                         'Ref': job['ref'], 'Commit': job['rev'], 'Agent': job['agent']}
                table = '<table>%s</table>' % ''.join('<tr><td>%s<td>%s' % (name, escape(value or '-')) for name, value in facts.items())
                logs = [_log('Effect %s: %s' % (effect['attribute'], effect['status']), lines)
                        for effect in job['effects'] for lines in effect['logs'] or [[]]]
                return _page('%s, job %d' % (path, job['index']), table, _log('Evaluation', job['evaluationLog']), *logs)
    raise HTTPFailure(404, 'There is no such job.')


def _overview(request: Request) -> Reply:
    summary = admin_api.summary(request.service)
    parts = []
    for project in summary['projects']:
        jobs = ''.join('<tr><td><a href="/%s/jobs/%d">%d</a><td>%s %s<td>%s<td>%s<td>%s' % (
            project['path'], job['index'], job['index'], job['jobType'], escape(job['jobName'] or ''), escape(job['ref']), job['jobPhase'],
            job['jobStatus']) for job in reversed(project['jobs']))
        states = ''.join('<tr><td>%s<td>version %d<td>%s' % (escape(name), item['version'], item['creationTime'])
                         for name, versions in project['states'].items() for item in reversed(versions))
        parts.append('<h2>%s</h2><table>%s</table><h3>State files</h3><table>%s</table>' % (escape(project['path']), jobs, states))
    return _page('A local Hercules CI, for tests', *parts)


ROUTES = (
    route('GET', '/', _overview, public=True),
    route('GET', '/{site}/{account}/{project}/jobs/{index}', _job, public=True),
)
