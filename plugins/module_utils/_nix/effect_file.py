# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The file that declares effects: what it is, what it should be, and whether that is proven. Only `run`, for nixops_effect, writes it."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._files import backup_path, locked, read_if_present, remove, write_atomically
from .._git.exclude import ignore_here
from .._git.repository import GitError, no_files, open_checkout, top_of_working_tree
from .._git.trees import Tree, branch_trees
from .._numbers import require_sensible_numbers
from .._problems import Failure, Problem, fail, require_none
from .._project import ProjectPath
from .._refs import branch_ref
from . import adoption, checkout, checks, ci_nix, evaluation, functions, pins, run_on, tracked
from .deployments import EvaluatedEffect, Key


@dataclass(frozen=True)
class EffectFile:
    """path: the file; form: as in ci_nix; before, after: its text, None where it is absent; files: of the checkout, that it refers to.

    foreign: whether the old one was written by somebody else.
    """

    path: Path
    form: str
    before: str | None
    after: str | None
    files: tuple[str, ...] = ()
    foreign: bool = False


def plan(options: Mapping[str, Any]) -> EffectFile:
    """What the module is asked to make of the file.

    options: the module's parameters. Raises Failure with everything that is wrong with them, with the files of the checkout
    that they name, or with overwriting a file of somebody else.
    """
    require_sensible_numbers(options)
    root = Path(options['checkout'])
    form = options['form']
    if options['adopt'] and form == 'auto':
        form = adoption.form_of(root) or form
    chosen = checkout.declaration(root, options['file'], form)
    path = root / chosen.file
    before = _text_of(path)
    foreign = before is not None and not ci_nix.is_managed(before)
    if foreign and not options['force'] and not (options['adopt'] and options['state'] == 'present'):
        raise fail('The file was not written by this module, so it is left alone.', str(path), remedy='Set adopt: true to replace it if '
                   'Nix shows that it would mean the same, choose form: effects to import from it, or set force: true to lose it.')
    if options['state'] == 'absent':
        return EffectFile(path, chosen.form, before, None)
    if not options['effects']:
        raise fail('There are no effects to declare.', 'effects', remedy='Name some, or remove the file with state: absent.')
    pinned = given(options['pins'])
    require_none([
        *pins.problems(pinned),
        *checks.effects_problems(options['effects'], chosen.form, options['schedules']),
        *checks.refs_problems(options['refs']),
        *checks.schedules_problems(options['schedules'], chosen.form, [effect.get('job') for effect in options['effects']]),
    ])
    # A file of an effect that is wrong already would only be reported twice.
    require_none(checkout.problems(root, chosen, options['effects'], pinned))
    after = ci_nix.render(
        options['effects'], chosen.form, chosen.file, chosen_pins=pinned, schedules=options['schedules'], hosts=options['inventory_hosts'],
    )
    # What Git has converted when the file was checked out is no difference.
    if before is not None and before != after and '\r' in before and checkout.same_to_git(root, chosen.file, before, after):
        after = before
    files = {file for _where, file in checkout.wanted_files(options['effects'], chosen, pinned)}
    return EffectFile(path, chosen.form, before, after, tuple(sorted(files)), foreign)


def _text_of(path: Path) -> str | None:
    data = read_if_present(str(path))
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        raise fail('The file is not text in UTF-8.', str(path), remedy='Remove it if it is not needed.') from None


def given(chosen_pins: Mapping[str, Mapping[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """Pins without the options that are not set."""
    return {name: {option: value for option, value in pin.items() if value is not None} for name, pin in chosen_pins.items() if pin}


@dataclass(frozen=True)
class Proof:
    """What Nix says of the file, as far as it was asked.

    runs: ref → names of the effects that would run. effects: what each effect is on each ref. heads: branch → the commit with whose files
    the effects of that branch were evaluated, where those of a remote were asked for. broken: branch → what is wrong with those files,
    where they are not the ones that are checked out. adopted: what the file takes the place of, where somebody else wrote that.
    """

    runs: Mapping[str, list[str]] = field(default_factory=dict)
    effects: tuple[EvaluatedEffect, ...] = ()
    heads: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    adopted: adoption.AdoptedFile | None = None


def prove(change: EffectFile, options: Mapping[str, Any]) -> tuple[EffectFile, Proof]:
    """Check the planned text as far as `validate` says.

    Returns the change, which is none where the old text says the same in another layout, and what was proved. Raises Failure with what
    Nix says, or with the effects that run elsewhere than their run_on names.
    """
    level = options['validate']
    if change.foreign and not options['force'] and change.after is not None and level in ('none', 'parse'):
        raise fail('Only an evaluation shows whether the new file means what the old one means.', str(change.path),
                   expected='validate: evaluate, or prebuild', found='validate: %s' % level)
    if change.after is None or level == 'none':
        return change, Proof()
    candidate = _candidate(change, options)
    parsed = evaluation.parse(candidate)
    if change.before is not None and change.before != change.after and _says_the_same(change.before, change.after, parsed, candidate):
        change = replace(change, after=change.before)
    if level == 'parse':
        return change, Proof()
    with tracked.as_agents_see_it(candidate.checkout, str(candidate.path.relative_to(candidate.checkout))) as seen:
        candidate = replace(candidate, seen=seen if seen != candidate.checkout else None)
        proof = _evaluated(candidate, options)
        if options['adopt'] and not options['force']:
            proof = replace(proof, adopted=adoption.adopted(candidate, options, [*proof.runs, adoption.ANOTHER_BRANCH]))
        return change, proof


def _says_the_same(before: str, after: str, parsed: str, candidate: evaluation.Candidate) -> bool:
    """Whether somebody has only laid out the file anew, as a formatter in a commit hook does."""
    if _comments(before) != _comments(after):
        return False
    try:
        return evaluation.parse(replace(candidate, text=before)) == parsed
    except Failure:
        return False


def _comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith('#')]


def _evaluated(candidate: evaluation.Candidate, options: Mapping[str, Any]) -> Proof:
    effects = options['effects']
    pushed = [branch_ref(branch) for branch in options['branches']] if options['remote'] else []
    refs = list(dict.fromkeys([*(options['refs'] or refs_to_ask(effects, candidate.checkout)), *pushed]))
    asked = [*refs, *([] if options['refs'] else [adoption.ANOTHER_BRANCH])]
    answer = evaluation.evaluate(candidate, asked)
    declared = checks.declared_problems(effect for found in answer.values() for effect in found)
    runs = {ref: [effect.key for effect in found if effect.runs] for ref, found in answer.items()}
    names = names_of(runs, refs)
    require_none([*declared, *verdict(effects, runs)], runs=names)
    found = Proof(names, tuple(effect for ref in refs for effect in answer[ref]))
    if not pushed:
        return replace(found, effects=_with_networks(candidate, found.effects, prebuild_targets(effects, runs), options))
    return _on_branches(candidate, found, options)


def _with_networks(
    candidate: evaluation.Candidate, evaluated: Sequence[EvaluatedEffect], targets: Mapping[Key, str], options: Mapping[str, Any],
) -> tuple[EvaluatedEffect, ...]:
    """The effects with the networks that they prebuild, if those are asked for. targets: a ref for each effect to prebuild."""
    if options['validate'] != 'prebuild' or not targets:
        return tuple(evaluated)
    built = evaluation.prebuild(candidate, targets)
    return tuple(effect.with_network_of(built[effect.key]) if effect.runs and effect.key in built else effect for effect in evaluated)


def _on_branches(candidate: evaluation.Candidate, found: Proof, options: Mapping[str, Any]) -> Proof:
    """The same with the files that the branches of a remote have: those are what agents see.

    Only what runs on no such branch is prebuilt with what is checked out, and no process more is needed where that is the same.
    """
    targets = prebuild_targets(options['effects'], {ref: [effect.key for effect in found.effects if effect.runs and effect.ref == ref]
                                                    for ref in found.runs})
    file = candidate.path.relative_to(candidate.checkout).as_posix()
    effects: list[EvaluatedEffect] = []
    covered: set[Key] = set()
    broken: dict[str, tuple[Problem, ...]] = {}
    with branch_trees(open_checkout(str(candidate.checkout)), options['remote'], options['branches'], file) as there:
        for tree in there.trees:
            refs = [branch_ref(branch) for branch in tree.branches]
            running = [effect for effect in found.effects if effect.ref in refs and effect.runs]
            covered |= {effect.key for effect in running}
            if tree.folder is None:
                here, evaluated = candidate, [effect for effect in found.effects if effect.ref in refs]
                effects += _with_networks(here, evaluated, _targets(evaluated, targets), options)
                continue
            try:
                _require_files(tree, options['remote'], candidate, [effect.name for effect in running])
                here = replace(candidate, checkout=tree.folder, path=tree.folder / file, seen=None, rev=tree.revision)
                answer = evaluation.evaluate(here, refs)
                evaluated = [effect for ref in refs for effect in answer[ref]]
                effects += _with_networks(here, evaluated, _targets(evaluated, targets), options)
            except Failure as failure:
                broken.update((branch, _named_by_branch(failure, tree, options['remote'])) for branch in tree.branches)
    elsewhere = [effect for effect in found.effects if effect.ref not in set(map(branch_ref, there.heads))]
    rest = {key: ref for key, ref in targets.items() if key not in covered}
    return Proof(found.runs, (*effects, *_with_networks(candidate, elsewhere, rest, options)), there.heads, broken)


def _targets(evaluated: Sequence[EvaluatedEffect], targets: Mapping[Key, str]) -> dict[Key, str]:
    """Of the effects to prebuild those that run where these were evaluated, each with such a ref."""
    return {effect.key: effect.ref for effect in evaluated if effect.runs and effect.key in targets}


def _require_files(tree: Tree, remote: str, candidate: evaluation.Candidate, effects: Sequence[str]) -> None:
    """Refuse a branch without the files of the effects that run there, in better words than Nix has for it."""
    wanted = {file for effect in effects for file in candidate.files.get(effect, ())}
    missing = sorted(file for file in wanted if tree.folder and not (tree.folder / file).exists())
    if missing:
        raise no_files(remote, tree.branches[0], candidate.path.name, missing)


def _named_by_branch(failure: Failure, tree: Tree, remote: str) -> tuple[Problem, ...]:
    """Say `origin/production:network.nix` for a file of a branch: where it lies while it is evaluated helps nobody."""
    place = '%s/%s:' % (remote, tree.branches[0])

    def told(text: str) -> str:
        return text.replace('%s/' % tree.folder, place).replace(str(tree.folder), place)

    return tuple(
        replace(each, what=told(each.what), where=told(each.where), found=told(each.found), remedy=told(each.remedy))
        for each in failure.problems
    )


def _candidate(change: EffectFile, options: Mapping[str, Any]) -> evaluation.Candidate:
    root, pinned = Path(options['checkout']).resolve(), given(options['pins'])
    file = str(change.path.relative_to(options['checkout']))
    makers = {effect['name']: functions.of_effect(effect).name for effect in options['effects']}
    return evaluation.Candidate(
        text=change.after or '', form=change.form, path=root / file, checkout=root,
        project=ProjectPath.parse(options['project']) if options['project'] else None,
        bindings=ci_nix.pinned_bindings(pinned, file, sorted({*makers.values()})) if change.form == 'effects' else '',
        uris=tuple(pin['url'] for pin in pinned.values() if pin.get('url', '').startswith('file://')),
        functions=makers,
        files={
            effect['name']: tuple(name for _where, name in checkout.wanted_files([effect], checkout.Declaration(file, change.form), {}))
            for effect in options['effects']
        },
        other=frozenset(name for effect in options['effects'] for name in checkout.other_files(effect)),
        stubs={effect['name']: names[0] for effect in options['effects'] for names in [effect.get('prebuild_only_network_files')] if names},
        sources={
            effect['name']: folder for effect in options['effects']
            for folder in [posixpath.normpath(effect.get('src') or '.')]
            if folder != '.' and functions.of_effect(effect).nixops and not effect.get('flake')
        },
        timeout=options['validate_timeout'],
    )


def key_of(effect: Mapping[str, Any]) -> Key:
    """An effect of the inventory by job and name."""
    return (effect.get('job') or ci_nix.DEFAULT_JOB, effect['name'])


def names_of(runs: Mapping[str, Sequence[Key]], refs: Sequence[str]) -> dict[str, list[str]]:
    """For results: effects of the default job by their name, others as JOB.NAME."""
    return {ref: [name if job == ci_nix.DEFAULT_JOB else '%s.%s' % (job, name) for job, name in runs[ref]] for ref in refs}


def refs_to_ask(effects: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Every ref that an effect names, with text in place of an asterisk, and the branch that is checked out.

    Each ref costs an evaluation of nixpkgs, so all the other branches are asked about only if somebody wrote a condition.
    """
    rules = [effect.get('run_on') or {} for effect in effects]
    named = {pattern.replace('*', 'x') for rule in rules for pattern in run_on.patterns(rule)}
    written = any(rule.get('condition') for rule in rules)
    return sorted(named | set(checkout.branches(folder) if written else checkout.current_branch(folder)))


def verdict(effects: Sequence[Mapping[str, Any]], runs: Mapping[str, Sequence[Key]]) -> list[Problem]:
    """Where what Nix says differs from what the inventory says."""
    problems = []
    running = {ref: frozenset(keys) for ref, keys in runs.items()}
    for effect in effects:
        where, rule = 'effect %s: run_on' % effect['name'], effect.get('run_on')
        if not rule:
            continue
        actual = {ref: key_of(effect) in keys for ref, keys in running.items()}
        expected = {ref: run_on.expected_on(rule, ref) for ref in running}
        if not any(actual.values()) and any(expects is not False for expects in expected.values()):
            problems.append(Problem(
                'The effect would never run.', where, found='no run on any of %s' % ', '.join(actual),
                remedy='Correct the condition, or name a ref where it holds in refs.',
            ))
            continue
        for runs_there, what in ((True, 'The effect would also run elsewhere.'), (False, 'The effect would not run where it should.')):
            wrong = [ref for ref in running if actual[ref] is runs_there and expected[ref] is not None and expected[ref] is not runs_there]
            if wrong:
                found = ['any other branch' if ref == adoption.ANOTHER_BRANCH else ref for ref in wrong]
                problems.append(Problem(
                    what, where, expected='only %s' % ', '.join(run_on.patterns(rule)), found=', '.join(found),
                    remedy='Correct the condition, or branches and tags.',
                ))
    return problems


def prebuild_targets(effects: Sequence[Mapping[str, Any]], runs: Mapping[str, Sequence[Key]]) -> dict[Key, str]:
    """For each effect with a network to prebuild a ref where it runs, or else any ref: prebuilding does not depend on it."""
    anywhere = next(iter(runs), 'refs/heads/main')
    return {
        key_of(effect): next((ref for ref, keys in runs.items() if key_of(effect) in keys), anywhere)
        for effect in effects if effect.get('prebuild') is not False
    }


def run(module: Any) -> dict[str, Any]:
    """What nixops_effect does: render, prove what Nix makes of it, and write the file if that changes it."""
    options = module.params
    change, proof = prove(plan(options), options)
    changed = change.before != change.after
    backup = None
    if changed and not module.check_mode:
        backup = _write(change, keep=change.foreign and options['adopt'])
        _let_git_overwrite(options, change)
    path = str(change.path)
    result: dict[str, Any] = {
        'changed': changed, 'path': path, 'file': os.path.relpath(path, options['checkout']), 'content': change.after,
        'files': list(change.files), 'form': change.form,
        'effects': [effect['name'] for effect in ci_nix.in_order(options['effects'] if change.after else [])],
    }
    if options['validate'] in ('evaluate', 'prebuild') and change.after is not None:
        result.update(runs=proof.runs, deployments=[effect.as_dict() for effect in proof.effects], heads=proof.heads,
                      broken={branch: [problem.as_dict() for problem in problems] for branch, problems in proof.broken.items()})
    if proof.adopted is not None:
        result.update(adopted=proof.adopted.file, renamed=dict(proof.adopted.renamed), replaces=dict(proof.adopted.replaces))
    if backup:
        result['backup_file'] = backup
    if module._diff:
        result['diff'] = {'before_header': path, 'after_header': path, 'before': change.before or '', 'after': change.after or ''}
    return result


def _write(change: EffectFile, *, keep: bool) -> str | None:
    """Write or remove the file; the mode of an old one is kept. keep: whether to copy that one beside it first; returns where to."""
    path, backup = str(change.path), None
    with locked(path):
        if change.after is None:
            remove(path)
            return None
        mode = 0o644 if change.before is None else stat.S_IMODE(os.stat(path).st_mode)
        if keep and change.before is not None:
            backup = backup_path(path)
            write_atomically(backup, change.before.encode(), mode=mode)
        write_atomically(path, change.after.encode(), mode=mode)
    return backup


def _let_git_overwrite(options: Mapping[str, Any], change: EffectFile) -> None:
    """Whoever pulls or switches to a branch that has the file gets that one. What only helps must not fail the task."""
    with suppress(Failure, GitError, OSError):
        repository = top_of_working_tree(options['checkout'])
        name = os.path.relpath(change.path, options['checkout'])
        if change.after is not None and repository and name in checkout.CI_NIX:
            ignore_here(repository, name)
