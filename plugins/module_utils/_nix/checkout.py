# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What a working tree has: which file an agent reads in it, which one to write, and whether the network files are there."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .._git.exclude import is_ignored_by_others
from .._git.repository import GitError, Repository, top_of_working_tree, unreadable
from .._problems import Problem, fail
from .._refs import branch_ref
from . import ci_nix, functions, pins

# The order in which an agent looks (hercules-ci-agent: NixFile.hs, searchPath).
CI_NIX = ('nix/ci.nix', 'ci.nix')
SEARCHED = (*CI_NIX, 'flake.nix', 'default.nix')
ALONE = 'effects.nix'
SUBMODULE = '160000'  # the mode of a submodule in a tree of Git
MOST_LINKS = 40
# Of the network files those that are deployed; a flake has them by itself.
DEPLOYED = ('network_files', 'deploy_only_network_files')
# What lib.cleanSource of nixpkgs leaves out of src, although it lies in the folder.
NOT_IN_CLEAN_SOURCE = re.compile(r'(^|/)(\.git|\.svn|CVS|\.hg)(/|$)|(^|/)\.sw[a-z]$|\..*\.sw[a-z]$|~$|\.o$|\.so$')


class Declaration(NamedTuple):
    """file: relative to the checkout; form: as in ci_nix."""

    file: str
    form: str


def file_in(checkout: Path) -> str | None:
    """The file that an agent reads in a checkout, None where there is none. Raises Failure where it would refuse two."""
    found = [name for name in SEARCHED if (checkout / name).is_file()]
    if found[:2] == [*CI_NIX]:
        raise fail('Agents refuse a repository with both files.', str(checkout), found=' and '.join(CI_NIX), remedy='Remove one of them.')
    return found[0] if found else None


def declaration(checkout: Path, file: str | None, form: str) -> Declaration:
    """Where effects are declared and how, given what the working tree has and what the user chose (`auto` and None: nothing).

    A file of ours keeps its form. A ci.nix, flake.nix or default.nix of somebody else stays the one that the agent reads,
    and gets a file of effects to import. Raises Failure where an agent would refuse both ci.nix files.
    """
    if not checkout.is_dir():
        raise fail('There is no such folder.', str(checkout), remedy='Set checkout to the working tree that ci.nix belongs to.')
    if file is not None:
        return Declaration(_inside(file), form if form != 'auto' else _form_of_file(checkout / file, file))
    read = file_in(checkout)
    present = [read] if read in CI_NIX else []
    if form == 'auto':
        mine = [name for name in (*present, ALONE) if (checkout / name).is_file() and ci_nix.is_managed(_read(checkout / name))]
        if mine:
            return Declaration(mine[0], ci_nix.form_of(_read(checkout / mine[0])))
        return Declaration(ALONE, 'effects') if read else Declaration('ci.nix', 'legacy')
    return Declaration(ALONE if form == 'effects' else (present or ['ci.nix'])[0], form)


def _inside(file: str) -> str:
    normal = posixpath.normpath(file)
    if normal.startswith(('/', '../')) or normal in ('.', '..'):
        raise fail('The file lies outside the checkout.', 'file', found=file, expected='a path relative to checkout')
    return normal


def _form_of_file(path: Path, file: str) -> str:
    if path.is_file() and ci_nix.is_managed(_read(path)):
        return ci_nix.form_of(_read(path))
    return 'legacy' if posixpath.normpath(file) in CI_NIX else 'effects'


def _read(path: Path) -> str:
    return path.read_text('utf-8', errors='replace')


def problems(checkout: Path, chosen: Declaration, effects: Sequence[Mapping[str, Any]], chosen_pins: Mapping[str, Any]) -> list[Problem]:
    """Files that an agent would miss: not there, not tracked by Git, or left out of src. Raises Failure where Git cannot tell."""
    wanted = list(wanted_files(effects, chosen, chosen_pins))
    if not (checkout / chosen.file).parent.is_dir():
        return [Problem('The folder of the file does not exist.', str((checkout / chosen.file).parent), remedy='Create it.')]
    other = [name for name in CI_NIX if name != chosen.file and (checkout / name).is_file()]
    found = []
    for name in other if chosen.form == 'effects' else []:
        if ci_nix.is_managed(_read(checkout / name)):
            found.append(Problem(
                'Agents would go on to read the file that this module wrote before, and deploy what it says.', str(checkout / name),
                remedy='Remove it with state: absent and file: %s, or write one of your own that imports %s there.' % (name, chosen.file),
            ))
    if chosen.file in CI_NIX and other:
        found.append(Problem(
            'Agents refuse a repository with two ci.nix files.', str(checkout), found='%s beside %s' % (other[0], chosen.file),
            remedy='Remove %s, or set file: %s.' % (other[0], other[0]),
        ))
    repository = top_of_working_tree(str(checkout))
    there = {file for _where, file in wanted if os.path.lexists(checkout / file)}
    with _git(checkout):
        tracked = _tracked(repository, there) if repository and there else {}
    for where, file in wanted:
        if file not in there:
            found.append(Problem('The file does not exist.', where, found=str(checkout / file), remedy='Create it, or correct its name.'))
        elif repository:
            with _git(checkout):
                found += _missing_in_clones(repository, where, file, tracked)
    if repository:
        with _git(checkout):
            ignored = is_ignored_by_others(repository, chosen.file)
        if ignored:
            found.append(Problem('Git ignores the file, so it would never reach an agent.', str(checkout / chosen.file),
                                 remedy='Remove the pattern that matches it from .gitignore.'))
    return [*found, *_not_in_source(checkout, effects)]


@contextmanager
def _git(checkout: Path) -> Iterator[None]:
    try:
        yield
    except GitError as error:
        raise unreadable(str(checkout), error) from error


def _tracked(repository: Repository, files: Iterable[str]) -> dict[str, str]:
    """What Git tracks at these paths, at the folders that they lead through, and in these, with its mode."""
    names = dict.fromkeys(name for file in files for name in with_parents(file))
    listed = os.fsdecode(repository.run('--literal-pathspecs', 'ls-files', '--stage', '-z', '--', *names))
    return {name: mode for mode, name in (_entry(line) for line in listed.split('\0') if line)}


def _missing_in_clones(repository: Repository, where: str, file: str, tracked: Mapping[str, str]) -> Iterator[Problem]:
    """Why an agent would not have a file that is there. A path may lead through a link, and end in another repository."""
    place, links, real = os.path.join(repository.path, file), [], file
    while True:
        link = next((name for name in with_parents(real) if os.path.islink(os.path.join(repository.path, name))), None)
        if link is None:
            break
        links.append(link)
        target = posixpath.join(posixpath.dirname(link), os.readlink(os.path.join(repository.path, link)))
        real = posixpath.normpath(target + real[len(link):])
        if real.startswith(('/', '../')) or real == '..' or len(links) > MOST_LINKS:
            yield Problem('The file lies outside the checkout, so an agent would not have it.', where,
                          found='%s, by the link %s' % (place, link), remedy='Put the file itself there.')
            return
    if not os.path.lexists(os.path.join(repository.path, real)):
        yield Problem('The file does not exist.', where, found='%s, by the link %s' % (place, links[-1]),
                      remedy='Create it, or correct the link.')
        return
    if links:
        tracked = _tracked(repository, (*links, real))
    foreign = next((name for name in with_parents(real) if tracked.get(name) == SUBMODULE or _is_repository(repository, name)), None)
    if foreign is not None:
        yield Problem('The file lies in a submodule, or another repository, which agents do not have.', where,
                      found='%s, in %s' % (place, foreign), remedy='Move it into this repository, or fetch that one in Nix, as a pin.')
        return
    untracked = [
        name for name in (*links, real) if not any(name in (other, '.') or other.startswith(name + '/') for other in tracked)
    ]
    for name in untracked:
        add = 'git add %s' % shlex.quote(name)
        if repository.ask('check-ignore', '--', name) is not None:
            add = 'Remove the pattern that matches it from .gitignore, then %s' % add
        yield Problem('Git does not track the file, so an agent would not have it.', where,
                      found=os.path.join(repository.path, name), remedy=add)


def _entry(line: str) -> tuple[str, str]:
    """Mode and path, from a line of `git ls-files --stage`."""
    facts, name = line.split('\t', 1)
    return facts.split()[0], name


def with_parents(file: str) -> list[str]:
    """The folders that a path leads through, outermost first, and itself."""
    parts = file.split('/')
    return ['/'.join(parts[:length]) for length in range(1, len(parts) + 1)]


def _is_repository(repository: Repository, name: str) -> bool:
    return os.path.lexists(os.path.join(repository.path, name, '.git')) and name != '.'


def wanted_files(effects: Sequence[Mapping[str, Any]], chosen: Declaration, chosen_pins: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every file of the checkout that the rendered file refers to, after the option that says so."""
    for effect in effects:
        for option, name in _named_files(effect):
            yield 'effect %s: %s' % (effect['name'], option), posixpath.normpath(name)
    if chosen.form != 'effects':
        for name, pin in chosen_pins.items():
            if pin and pins.file_of(pin):
                yield 'pins.%s' % name, posixpath.normpath(pins.file_of(pin))


def _named_files(effect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that the options of an effect name, relative to the checkout."""
    function = functions.of_effect(effect)
    for option, parameter in function.options.items():
        value = effect.get(option)
        if parameter.kind == 'sources' and not (effect.get('flake') and option in DEPLOYED):
            for name in (parameter.default if value is None else value) or []:
                yield option, posixpath.join(effect.get('src') or '.', name)
        elif parameter.kind in functions.FILES:
            yield from ((option, name) for name in (value if isinstance(value, list) else [value]) if isinstance(name, str))


def other_files(effect: Mapping[str, Any]) -> Iterator[str]:
    """Of the files of an effect those that need not be Nix: what is sent, written or served."""
    for parameter in functions.of_effect(effect).of_kind('file', 'folder'):
        value = effect.get(parameter.option)
        if isinstance(value, str):
            yield posixpath.normpath(value)


def _not_in_source(checkout: Path, effects: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Prebuilding reads the folder itself, deploying what lib.cleanSource leaves of it."""
    for effect in effects:
        function = functions.of_effect(effect)
        if not function.nixops or effect.get('flake'):
            continue
        for option in DEPLOYED if effect.get('clean_source') is not False else ():
            for name in effect.get(option) or []:
                if NOT_IN_CLEAN_SOURCE.search(name):
                    yield Problem('lib.cleanSource leaves the file out, so it would be missing when deployed.',
                                  'effect %s: %s' % (effect['name'], option), found=name, remedy='Rename the file.')
        source = checkout / (effect.get('src') or '.')
        if function.nixops == 2 and (source / 'flake.nix').exists():
            yield Problem(
                'NixOps 2 refuses a folder with both nixops.nix and flake.nix.', 'effect %s: src' % effect['name'], found=str(source),
                remedy='Move the network into a folder of its own and set src, or use flake instead of network_files.',
            )


def branches(checkout: Path) -> list[str]:
    """The refs of the branches that the working tree's repository knows, its own and its remotes'."""
    repository = top_of_working_tree(str(checkout))
    if repository is None:
        return []
    with _git(checkout):
        listed = os.fsdecode(repository.run('for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/remotes'))
    names = [re.sub(r'\Arefs/(?:heads|remotes/[^/]+)/', '', ref) for ref in listed.split()]
    return [branch_ref(name) for name in sorted(set(names) - {'HEAD'})]


def current_branch(checkout: Path) -> list[str]:
    """The ref of the branch that is checked out, if there is one."""
    repository = top_of_working_tree(str(checkout))
    if repository is None:
        return []
    with _git(checkout):
        return os.fsdecode(repository.ask('symbolic-ref', '--quiet', 'HEAD') or b'').split()


def same_to_git(checkout: Path, file: str, one: str, other: str) -> bool:
    """Whether Git would store the same for two texts of a file, as where it converts line ends."""
    repository = top_of_working_tree(str(checkout))
    if repository is None:
        return False
    with _git(checkout):
        stored = {repository.run('hash-object', '--stdin', '--path=%s' % file, data=text.encode()) for text in (one, other)}
    return len(stored) == 1
