# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes one job through its phases: Queued, Evaluating, Building, Effects, Done."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sandbox import jobs, repository, settings
from tests.sandbox.agent_secrets import Context, Refused, granted
from tests.sandbox.effect import EffectRun
from tests.sandbox.evaluation import Attribute, EvaluationError, Source, path_text
from tests.sandbox.processes import Processes, Stopped
from tests.sandbox.store import new_id

if TYPE_CHECKING:
    from tests.sandbox.runner import Runner

AGENT_VERSION = '0.10.6'
# The agent that does the work when none was registered. It has no secrets.
NO_AGENT = 'sandbox'


class JobRun:
    """One job on its way. Raises Stopped when it is cancelled."""

    def __init__(self, runner: Runner, job: sqlite3.Row, processes: Processes) -> None:
        self.runner, self.store, self.clock, self.job, self.processes = runner, runner.store, runner.clock, job, processes
        project = self.store.get('project', job['project'])
        assert project is not None
        account = self.store.get('account', project['account'])
        assert account is not None
        self.project, self.account = project, account
        self.nix = dataclasses.replace(runner.nix(), run=processes.run)
        agents = self.store.all('SELECT * FROM agent ORDER BY name')
        self.agent = agents[job['number'] % len(agents)] if agents else None
        self.agent_name = self.agent['name'] if self.agent else NO_AGENT
        self.folder = runner.data / 'checkouts' / job['id']

    def run(self) -> None:
        # A job that a restart interrupted begins anew.
        self.store.all('UPDATE log SET done = 1 WHERE job = ?', self.job['id'])
        log = jobs.open_log(self.store, self.clock, self.job['id'])
        self._set(phase='Evaluating', evaluation_log=log, agent=self.agent_name)
        self.store.all('DELETE FROM attribute WHERE job = ?', self.job['id'])
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            checkout = repository.check_out(self.project['repository'], self.job['rev'], self.folder / 'source')
            jobs.add_lines(self.store, log, 0, 'Evaluating %s at %s on %s' % (self.job['ref'], self.job['rev'], self.agent_name))
            try:
                follow = self._configure if self.job['typ'] == 'Config' else self._evaluate
                attributes = follow(self._source(checkout), log)
            finally:
                self.store.update('log', log, done=1)
            if attributes is not None and self._build(attributes):
                self._run_effects()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _set(self, **columns: Any) -> None:
        with self.store.transaction():
            if self.processes.stopped.is_set():
                raise Stopped
            self.store.update('job', self.job['id'], **columns)
            self.job = jobs.found(self.store, self.job['id'])
        self.runner.notify()

    def _event(self, effect: sqlite3.Row, kind: str, **columns: Any) -> None:
        with self.store.transaction():
            if self.processes.stopped.is_set():
                raise Stopped
            jobs.add_event(self.store, self.clock, self.job['id'], effect['path'], kind, **columns)
        self.runner.notify()

    def _finish(self, **columns: Any) -> None:
        self._set(phase='Done', ended=self.clock.text(), **columns)

    # Evaluating

    def _source(self, checkout: Path) -> Source:
        ref, rev, site = self.job['ref'], self.job['rev'], self.account['site']
        path = '%s/%s' % (self.account['name'], self.project['name'])
        record = {
            'outPath': str(checkout), 'ref': ref, 'rev': rev, 'shortRev': rev[:7],
            'branch': ref[len('refs/heads/'):] if ref.startswith('refs/heads/') else None,
            'tag': ref[len('refs/tags/'):] if ref.startswith('refs/tags/') else None,
            'remoteHttpUrl': 'https://%s.com/%s.git' % (site, path), 'remoteSshUrl': 'git@%s.com:%s.git' % (site, path),
            'webUrl': 'https://%s.com/%s' % (site, path), 'forgeType': site, 'owner': self.account['name'], 'name': self.project['name'],
        }
        flake = 'git+file://%s?ref=%s&rev=%s' % (Path(self.project['repository']).resolve(), ref, rev)
        return Source(self.nix, checkout, record, {'apiBaseUrl': self.runner.base_url(), 'ciSystems': None, 'flake': flake})

    def _configure(self, source: Source, log: str) -> list[Attribute] | None:
        """Find the handlers and make their jobs. The legacy form has none: it makes, or becomes, a Legacy job."""
        try:
            configuration = source.configuration()
        except EvaluationError as error:
            jobs.add_lines(self.store, log, 0, str(error))
            self.store.insert('attribute', job=self.job['id'], path='[]', typ='Regular', error=str(error))
            self._finish(evaluation='Failure', derivations='Success', effects='Success')
            return None
        if configuration is None and settings.load(self.store).legacy_job == 'converted':
            self._set(typ='Legacy')
            return self._evaluate(source, log)
        followers: list[tuple[str, str | None, dict[str, Any]]] = [('Legacy', None, {})]
        if configuration is not None:
            followers = [('OnPush', name, item['extraInputs']) for name, item in configuration['onPush'].items()]
            self._store_handlers(configuration)
        names = [' '.join(filter(None, (typ, name))) for typ, name, _inputs in followers]
        jobs.add_lines(self.store, log, 0, 'Jobs: %s' % (', '.join(names) or 'none'))
        made = [jobs.create(self.store, self.clock, self.project, typ=typ, ref=self.job['ref'], commit=jobs.commit_of(self.job), name=name,
                            config=self.job['id'], started_by=self.job['started_by'], extra_inputs=json.dumps(inputs))
                for typ, name, inputs in followers]
        self._finish(evaluation='Success', derivations='Success', effects='Success')
        for job in made:
            self.runner.start(job['id'])
        return None

    def _store_handlers(self, configuration: dict[str, Any]) -> None:
        for kind in ('onPush', 'onSchedule'):
            for name, item in configuration[kind].items():
                self.store.all('INSERT OR REPLACE INTO handler VALUES (?, ?, ?, ?, ?, ?)', self.job['id'], kind, name,
                               configuration['isFlake'], json.dumps(item['extraInputs']), json.dumps(item.get('when')))

    def _evaluate(self, source: Source, log: str) -> list[Attribute] | None:
        """All attributes, or None when the job ends with errors; then its effects are not run."""
        try:
            attributes = source.attributes(self._handler())
        except EvaluationError as error:
            attributes = [Attribute((), error=str(error))]
        for attribute in attributes:
            status = None if attribute.error else 'NotPlanned' if attribute.typ == 'Effect' else 'Waiting'
            self.store.insert('attribute', job=self.job['id'], path=json.dumps(attribute.path), typ=attribute.typ, drv=attribute.drv,
                              status=status, error=attribute.error)
            jobs.add_lines(self.store, log, 0, '%s: %s' % (path_text(attribute.path) or 'the file', attribute.error or attribute.typ))
        if any(attribute.error for attribute in attributes):
            self._give_up_effects()
            self._finish(evaluation='Failure', derivations='Success', effects='Failure' if self._effects() else 'Success')
            return None
        return attributes

    def _handler(self) -> dict[str, Any] | None:
        kind = {'OnPush': 'onPush', 'OnSchedule': 'onSchedule'}.get(self.job['typ'])
        return None if kind is None else {'kind': kind, 'name': self.job['name'], 'inputs': self._extra_inputs()}

    def _extra_inputs(self) -> dict[str, Any]:
        """Checkouts of the sibling projects that the handler asked for."""
        inputs = {}
        for name, wanted in json.loads(self.job['extra_inputs']).items():
            sibling = self.store.one('SELECT * FROM project WHERE account = ? AND name = ?', self.account['id'], wanted['project'])
            if sibling is None:
                raise EvaluationError('There is no project %s for the extra input %s.' % (wanted['project'], name))
            commit = repository.commit(sibling['repository'], wanted['ref'] or 'refs/heads/%s' % sibling['default_branch'])
            inputs[name] = {'outPath': str(repository.check_out(sibling['repository'], commit.rev, self.folder / 'inputs' / name)),
                            'rev': commit.rev}
        return inputs

    # Building

    def _build(self, attributes: list[Attribute]) -> bool:
        """Build what is no effect, and what effects need. False when something failed: the job has then ended."""
        self._set(phase='Building', evaluation='Success')
        wanted = {attribute: self._needed(attribute) for attribute in attributes}
        with suppress(EvaluationError):  # which then is that of an attribute below
            self.nix.build(*{drv: None for drvs in wanted.values() for drv in drvs})
            wanted = dict.fromkeys(wanted, ())
        good = True
        for attribute, drvs in wanted.items():
            try:
                self.nix.build(*drvs)
                succeeded = True
            except EvaluationError as error:
                succeeded = False
                assert self.job['evaluation_log'] is not None
                jobs.add_lines(self.store, self.job['evaluation_log'], 0, '%s: %s' % (path_text(attribute.path), error))
            good = good and (attribute.typ == 'MayFail' or succeeded != (attribute.typ == 'MustFail'))
            effect = attribute.typ == 'Effect'
            status = ('NotPlanned' if effect else 'BuildSuccess') if succeeded else ('DependencyFailure' if effect else 'BuildFailure')
            self.store.all('UPDATE attribute SET status = ? WHERE job = ? AND path = ?', status, self.job['id'], json.dumps(attribute.path))
        if not good:
            self._give_up_effects()
            self._finish(derivations='Failure', effects='Failure' if self._effects() else 'Success')
        return good

    def _needed(self, attribute: Attribute) -> tuple[str, ...]:
        assert attribute.drv is not None
        return self.nix.derivation(attribute.drv).inputs if attribute.typ == 'Effect' else (attribute.drv,)

    # Effects

    def _effects(self) -> list[sqlite3.Row]:
        return jobs.effects(self.store, self.job['id'])

    def _give_up_effects(self) -> None:
        for effect in self._effects():
            for kind in ('Queued', 'DependencyFailed'):
                self._event(effect, kind)

    def _run_effects(self) -> None:
        """All effects of the job at once, after those of earlier jobs of the repository."""
        effects = self._effects()
        for effect in effects:
            self._event(effect, 'Queued')
        self._set(phase='Effects', derivations='Success')
        if effects:
            self._wait_for_turn()
        threads = [threading.Thread(target=self._run_effect, args=(effect,)) for effect in effects]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = {jobs.effect_status(self.store, self.job['id'], effect['path']) for effect in effects}
        self._finish(effects='Success' if statuses <= {'Successful'} else 'Failure')

    def _wait_for_turn(self) -> None:
        with self.runner.changed:
            self.runner.changed.wait_for(lambda: self.processes.stopped.is_set() or (
                self.runner.effects_may_start.is_set() and not jobs.earlier(self.store, self.job)))
        if self.processes.stopped.is_set():
            raise Stopped

    def _run_effect(self, effect: sqlite3.Row) -> None:
        with suppress(Stopped):
            log = jobs.open_log(self.store, self.clock, self.job['id'])
            self._event(effect, 'Started', log=log, agent=self.agent_name)
            failed, error = self._outcome(effect, log)
            self.store.update('log', log, done=1)
            self._event(effect, 'Failed' if failed else 'Succeeded', error=error)

    def _outcome(self, effect: sqlite3.Row, log: str) -> tuple[bool, str | None]:
        """Whether the effect failed, and why if it could not even be started."""
        began = self.clock.now()

        def write(line: str) -> None:
            jobs.add_lines(self.store, log, int((self.clock.now() - began).total_seconds() * 1000), line)
            self.runner.notify()

        try:
            code = self._perform(effect, write)
        except (Refused, OSError) as error:
            for line in (*getattr(error, 'log', ()), str(error)):
                write(line)
            return True, str(error)
        if code:
            write('The effect failed with exit code %d.' % code)
        return code != 0, None

    def _perform(self, effect: sqlite3.Row, write: Any) -> int:
        derivation = self.nix.derivation(effect['drv'])
        owner, name, ref = self.account['name'], self.project['name'], self.job['ref']
        context = Context(owner, name, ref, ref == 'refs/heads/%s' % self.project['default_branch'])
        secrets_path = Path(self.agent['secrets']) if self.agent and self.agent['secrets'] else None
        secrets = granted(derivation.environment.get('secretsMap'), secrets_path, context)
        attribute = path_text(jobs.path_of(effect))
        failures = self.store.all('SELECT * FROM failing_effect')
        failure = next((row['message'] for row in failures if re.fullmatch(row['pattern'], attribute)), None)
        variables = {'SANDBOX_NIXOPS2_WITHOUT_STATE': settings.load(self.store).nixops2_without_state}
        if failure:
            variables['SANDBOX_FAIL_DEPLOY'] = failure

        def record(done: Mapping[str, Any]) -> None:
            jobs.add_deployed(self.store, self.clock, self.job['id'], effect['path'], done)

        token = 'effect-%s' % new_id()
        self.store.insert('token', token=token, project=self.project['id'], job=self.job['id'])
        try:
            return EffectRun(
                derivation=derivation, nix=self.nix, parent=self.runner.data / 'effects', base_url=self.runner.base_url(), token=token,
                project_id=self.project['id'], project_path='%s/%s/%s' % (self.account['site'], owner, name), secrets=secrets,
                variables=variables, start=self.processes.start, record=record).run(write)
        finally:
            self.store.all('DELETE FROM token WHERE token = ?', token)
