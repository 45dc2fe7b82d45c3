# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose the file is, who may read it, where it lies, and that it is whole, private and complete when plays are killed or at the same time.

`NIXCD_KILLS=500 NIXCD_ROUNDS=50` for the whole bar of the last two tests.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.document import parse
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_agent, hci_secret

from .conftest import AWS, Agent, needs_root, warnings_of


@needs_root
def test_check_mode_where_an_earlier_task_would_create_the_user(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    agent.secret({'a': AWS})
    for options in ({'owner': 'hci-to-be'}, {'group': 'hci-to-be'}):
        predicted = agent.secret({'a': AWS}, check=True, **options)
        (kind,) = options
        assert predicted['changed'] and predicted['diff'][0]['after'][kind] == 'hci-to-be'
        assert 'There is no %s hci-to-be yet. Another task has to create it' % {'owner': 'user'}.get(kind, kind) in warnings_of(predicted)
        assert agent.secret({'a': AWS}, **options)['failed']
    assert agent.secret({'a': AWS}, check=True, path=str(agent.folder / 'new' / 'secrets.json'), owner='hci-to-be')['changed']
    for wrong in ('²', '99999999999999', 'a b'):
        assert agent.secret({'a': AWS}, check=True, owner=wrong)['failed']
    options = {'path': str(agent.folder), 'owner': 'hci-to-be', '_payload': packed({'binary_caches': {}, 'cluster_join_token': 'canary'})}
    assert run_module(hci_agent.main, options, check=True)['changed']


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access control list: tag, permissions, identity."""
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
LIST = [(0x01, 6, NOBODY), (0x02, 4, 1234), (0x04, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)]


def test_a_file_keeps_its_access_control_list_and_attributes(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0440')
    os.setxattr(agent.file, 'system.posix_acl_access', acl(*LIST))
    os.setxattr(agent.file, 'user.purpose', b'agent')
    assert agent.secret({'b': AWS}, mode='0440')['changed']
    assert os.getxattr(agent.file, 'user.purpose') == b'agent'
    kept = os.getxattr(agent.file, 'system.posix_acl_access')
    assert kept == acl((0x01, 4, NOBODY), *LIST[1:]) and stat.S_IMODE(agent.file.stat().st_mode) == 0o440
    # The mode is what anybody may have at most, as with chmod.
    closed = agent.secret({'c': AWS})
    assert closed['diff'][-1]['before']['mode'] == '0440' and closed['diff'][-1]['after']['mode'] == '0400'
    assert os.getxattr(agent.file, 'system.posix_acl_access') == acl((0x01, 4, NOBODY), *LIST[1:3], (0x10, 0, NOBODY), LIST[4])
    assert not agent.secret({'c': AWS})['changed']


def test_a_list_that_the_folder_gives_new_files_opens_no_old_one(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0440')
    os.setxattr(agent.folder, 'system.posix_acl_default', acl((0x01, 7, NOBODY), *LIST[1:]))
    agent.secret({'b': AWS}, mode='0440')
    assert 'system.posix_acl_access' not in os.listxattr(agent.file)


def test_an_attribute_that_cannot_be_kept_is_told(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.secret({'a': AWS})
    os.setxattr(agent.file, 'user.purpose', b'agent')

    def refuse(*_arguments: Any) -> None:
        raise OSError(errno.ENOTSUP, 'Operation not supported')

    monkeypatch.setattr(os, 'setxattr', refuse)
    result = agent.secret({'b': AWS})
    assert '%s was replaced, and the new file does not take these extended attributes of the old one: user.purpose.' % (
        agent.file) in warnings_of(result)


def test_mode_is_put_right_without_a_change_of_content(agent: Agent) -> None:
    agent.secret({'a': AWS})
    agent.file.chmod(0o644)
    predicted = agent.secret({'a': AWS}, check=True)
    assert stat.S_IMODE(agent.file.stat().st_mode) == 0o644
    result = agent.secret({'a': AWS})
    assert predicted['diff'] == result['diff'] and result['changed'] and result['updated'] == []
    assert result['diff'][0]['before']['mode'] == '0644' and result['diff'][0]['after']['mode'] == '0400'
    assert stat.S_IMODE(agent.file.stat().st_mode) == 0o400
    assert agent.secret({'a': AWS}, mode='0440')['changed'] and stat.S_IMODE(agent.file.stat().st_mode) == 0o440


@needs_root
def test_owner_follows_the_file_then_the_folder(agent: Agent) -> None:
    os.chown(agent.folder, 1234, 1235)
    agent.secret({'a': AWS})
    assert (agent.file.stat().st_uid, agent.file.stat().st_gid) == (1234, 1235)
    assert agent.secret({'a': AWS}, owner='1', group='2')['changed']
    assert agent.secret({'b': AWS})['added'] == ['b'] and (agent.file.stat().st_uid, agent.file.stat().st_gid) == (1, 2)
    new = agent.folder / 'deep' / 'er' / 'secrets.json'
    agent.secret({'a': AWS}, path=str(new), owner='1')
    assert [(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in (new.parent.parent, new.parent, new)] == [
        (1, 0o700), (1, 0o700), (1, 0o400),
    ]


@needs_root
def test_the_group_of_a_folder_that_is_yet_to_be_made_is_foreseen(agent: Agent) -> None:
    os.chown(agent.folder, 1234, 1235)
    for mode, group in ((0o700, os.getegid()), (0o2700, 1235)):
        agent.folder.chmod(mode)
        path = agent.folder / str(group) / 'deep' / 'secrets.json'
        predicted = agent.secret({'a': AWS}, path=str(path), check=True)
        assert predicted['diff'] == agent.secret({'a': AWS}, path=str(path))['diff']
        assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), group)


@needs_root
def test_a_new_folder_that_its_owner_replaces_by_a_link_gives_nothing_away(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder above may belong to the agent, whose user can be as fast as this."""
    treasure, mkdir = agent.folder / 'treasure', os.mkdir
    treasure.touch()

    def replaced(path: str, mode: int) -> None:
        mkdir(path, mode)
        os.rmdir(path)
        os.symlink(treasure, path)
    monkeypatch.setattr(os, 'mkdir', replaced)
    assert agent.secret({'a': AWS}, path=str(agent.folder / 'secrets' / 'secrets.json'), owner='1')['failed']
    assert treasure.stat().st_uid == 0


def test_backup_is_as_private_as_the_file(agent: Agent) -> None:
    agent.secret({'a': AWS})
    before = agent.file.read_bytes()
    assert 'backup_file' not in agent.secret({'a': AWS}, backup=True)
    kept = Path(agent.secret({'b': AWS}, backup=True)['backup_file'])
    assert kept.read_bytes() == before and stat.S_IMODE(kept.stat().st_mode) == 0o400 and kept.parent == agent.folder


@needs_root
def test_a_backup_is_open_to_nobody_whom_the_new_file_keeps_out(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0644', owner='1')
    kept = Path(agent.secret({'b': AWS}, mode='0400', owner='0', backup=True)['backup_file'])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400 and kept.stat().st_uid == 0


def test_a_write_that_fails_leaves_no_backup(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.secret({'a': AWS})
    replace = os.replace

    def full(source: str, target: str) -> None:
        if target == str(agent.file):
            raise OSError(28, 'No space left on device')
        replace(source, target)
    monkeypatch.setattr(os, 'replace', full)
    assert 'the file is as it was' in agent.secret({'b': AWS}, backup=True)['msg'] and agent.names() == ['secrets.json']


def test_links_and_pipes(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp('elsewhere') / 'shadow'
    elsewhere.write_text('{}')
    agent.file.symlink_to(elsewhere)
    result = agent.secret({'a': AWS})
    assert result['failed'] and 'leads out of its folder' in result['msg'] and elsewhere.read_text() == '{}'
    assert not agent.secret({})['changed'] and agent.file.is_symlink()  # a secret manager's, and nothing is wished of it
    assert agent.secret({}, exclusive=True)['failed']
    agent.file.unlink()
    agent.file.symlink_to('real.json')
    assert agent.secret({'a': AWS})['changed'] and agent.file.is_symlink() and agent.names() == ['real.json', 'secrets.json']
    agent.file.unlink()
    os.mkfifo(agent.file)
    assert 'not a regular file' in agent.secret({'a': AWS})['msg']


def test_somebody_who_may_not_write_is_told_to_become_another(agent: Agent) -> None:
    agent.secret({'a': AWS})
    for path in (agent.folder, *agent.folder.parents):  # pytest's folders are closed to others
        if path.stat().st_uid == os.geteuid() and path.name.startswith(('pytest', 'test', 'popen')):
            path.chmod(0o755)
    agent.file.chmod(0o444)
    agent.folder.chmod(0o555)
    me = os.geteuid()
    other = me or 65534  # root may write everywhere
    os.seteuid(other)
    try:
        results = [agent.secret({'b': AWS})]
        os.seteuid(me)
        agent.folder.chmod(0o111)
        os.seteuid(other)
        results += [agent.secret({'b': AWS}), agent.secret({'b': AWS}, path=str(agent.folder / 'deep' / 'secrets.json'))]
    finally:
        os.seteuid(me)
        agent.folder.chmod(0o755)
    assert [result['msg'].partition(' Where')[0] for result in results] == [
        'The file cannot be written.', 'The folder cannot be opened.', 'The folder cannot be made.',
    ]
    assert all('become' in result['problems'][0]['remedy'] for result in results)


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
