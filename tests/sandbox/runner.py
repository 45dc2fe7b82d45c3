# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs jobs, each on a thread of its own, and tells who waits for them."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, Callable

from tests.sandbox import jobs
from tests.sandbox.evaluation import Nix
from tests.sandbox.job_run import JobRun
from tests.sandbox.processes import Processes, Stopped
from tests.sandbox.store import Clock, Store


class Runner:
    """Runs jobs until it is stopped. Unfinished jobs start anew with the next runner on the same data."""

    def __init__(self, store: Store, clock: Clock, data: Path, base_url: Callable[[], str]) -> None:
        self.store, self.clock, self.data, self.base_url = store, clock, data, base_url
        # Notified whenever a job or an effect has moved on.
        self.changed = threading.Condition()
        # Effects start only while this is set: tests clear it to look at what waits.
        self.effects_may_start = threading.Event()
        self.effects_may_start.set()
        self._nix: Nix | None = None
        self._processes: dict[str, Processes] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def nix(self) -> Nix:
        """Nix with the store that all jobs share. It is made when it is first needed: most tests run no job."""
        with self.changed:
            if self._nix is None:
                made = Nix(self.data / 'nix')
                made.set_up()
                self._nix = made
            return self._nix

    def start_unfinished(self) -> None:
        for job in self.store.all("SELECT * FROM job WHERE phase != 'Done' ORDER BY project, number"):
            self.start(job['id'])

    def start(self, job: str) -> None:
        with self.changed:
            if self._stopping or job in self._processes:
                return
            self._processes[job] = Processes()
            thread = threading.Thread(target=self._run, args=(job,), name='job %s' % job)
            self._threads.append(thread)
            thread.start()

    def cancel(self, job: sqlite3.Row, cancelled_by: str | None) -> None:
        processes = self._processes.get(job['id'])
        if processes is not None:
            processes.stop()
        jobs.cancel(self.store, self.clock, job, cancelled_by)
        self.notify()

    def stop(self) -> None:
        with self.changed:
            self._stopping = True
        for processes in list(self._processes.values()):
            processes.stop()
        self.notify()
        for thread in self._threads:
            thread.join()

    def notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, predicate: Callable[[], Any], timeout: float) -> Any:
        """The predicate's first true value; TimeoutError."""
        with self.changed:
            result = self.changed.wait_for(lambda: predicate() or self._stopping, timeout)
        if not result or (self._stopping and not predicate()):
            raise TimeoutError('What was waited for did not happen within %s seconds.' % timeout)
        return result

    def _run(self, job: str) -> None:
        try:
            JobRun(self, jobs.found(self.store, job), self._processes[job]).run()
        except Stopped:
            pass
        except Exception as error:  # whatever goes wrong belongs in the job's log, or nobody would ever see it
            log = jobs.found(self.store, job)['evaluation_log'] or jobs.open_log(self.store, self.clock, job)
            jobs.add_lines(self.store, log, 0, 'The sandbox failed: %r' % error)
            self.store.update('job', job, evaluation='Failure', evaluation_log=log, phase='Done', ended=self.clock.text())
        finally:
            self._processes.pop(job, None)
            self.notify()
