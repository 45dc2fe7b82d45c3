# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that are killed, and plays at the same time: the file is always whole, private and complete.

`NIXCD_KILLS=500 NIXCD_ROUNDS=50` for the whole bar.
"""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.document import parse
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_secret

KILLS = int(os.environ.get('NIXCD_KILLS', '24'))
ROUNDS = int(os.environ.get('NIXCD_ROUNDS', '5'))
WRITERS = 8


def add(file: Path, *names: str) -> None:
    """Run the module's main() to add secrets, each with a kilobyte or two of data."""
    secrets = {name: {'data': {'x': name * 200}, 'condition': 'isTag'} for name in names}
    arguments = {'path': str(file), '_payload': packed(secrets)}
    basic._ANSIBLE_ARGS = json.dumps({'ANSIBLE_MODULE_ARGS': arguments}).encode()
    basic._ANSIBLE_PROFILE = 'legacy'
    try:
        hci_secret.main()
    except SystemExit as end:
        assert not end.code


def child(work: Callable[[], None]) -> int:
    """Do the work in a process of its own; returns its number."""
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            sys.stderr.write('%r\n' % error)
        finally:
            os._exit(code)
    return pid


@contextmanager
def watched(file: Path) -> Iterator[None]:
    """Have a process look at the file all the time, as an agent might at any moment, and fail if it ever sees anything wrong."""
    def watch() -> None:
        ended: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
        while not ended:
            for path in file.parent.iterdir():
                with suppress(FileNotFoundError):
                    mode = stat.S_IMODE(path.stat().st_mode)
                    assert not mode & ~0o400, '%s has mode %o' % (path.name, mode)
                    parse(file.read_bytes(), 'the file')

    pid = child(watch)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] in (0, signal.SIGTERM), 'what is wrong is on standard error'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'secrets.json'


def killed_after(calls: int, work: Callable[[], None]) -> None:
    """Do the work, but be killed with -9 before or after the call of that number."""
    left = iter(range(calls, 0, -1))

    def count(*_event: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    work()


def calls_of(work: Callable[[], None], file: Path) -> int:
    """How many calls and returns the work takes in a process of its own."""
    counted: list[object] = []

    def report() -> None:
        sys.setprofile(lambda *event: counted.append(None))
        work()
        sys.setprofile(None)
        file.write_text(str(len(counted)))

    assert os.waitpid(child(report), 0)[1] == 0
    return int(file.read_text())


def test_killed_at_any_moment(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Half of the runs are killed between two calls, so that every place has its turn whatever the load; the others by the clock."""
    random_ = random.Random(9)
    started = time.monotonic()
    calls = calls_of(lambda: add(file, 'first'), tmp_path_factory.mktemp('count') / 'calls')
    usual = time.monotonic() - started
    complete = 0
    with watched(file):
        for number in range(KILLS):
            before = parse(file.read_bytes(), 'before')
            work = partial(add, file, 'run-%d' % number)
            if number % 2:
                pid = child(partial(killed_after, random_.randrange(calls * 2), work))
            else:
                pid = child(work)
                time.sleep(random_.uniform(0, usual))
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            after = parse(file.read_bytes(), 'after')
            assert {name: after[name] for name in before} == before
            assert after.keys() - before.keys() <= {'run-%d' % number}
            complete += len(after) - len(before)
    assert 0 < complete < KILLS, 'some runs have to get through, and some must not'
    assert os.waitpid(child(partial(add, file, 'last')), 0)[1] == 0
    assert os.listdir(file.parent) == ['secrets.json']
    assert 'last' in parse(file.read_bytes(), 'at last')


def test_many_at_the_same_time(file: Path) -> None:
    def work(writer: int) -> None:
        for number in range(ROUNDS):
            add(file, 'writer-%d-%d' % (writer, number))

    with watched(file):
        pids = [child(partial(work, writer)) for writer in range(WRITERS)]
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * WRITERS
    assert parse(file.read_bytes(), 'at last').keys() == {'writer-%d-%d' % (writer, n) for writer in range(WRITERS) for n in range(ROUNDS)}
    assert os.listdir(file.parent) == ['secrets.json']
