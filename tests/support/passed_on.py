# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which options of modules the role passes on, and which files written by hand name each of them for that, from the sources themselves.

Counted are where the option is declared (SPEC) and documented, its variable in the argument specs, each file of the role that hands it
on, and each file on the controller that has the variable in a list, a tuple, a set or a dictionary, or there its value under the name of an
option. Code that asks for the value of a variable otherwise is not: to do so is what the option is there for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

COLLECTION = 'nixcd.hercules_ci.'
ROLE = 'roles/nixops/'
SPECS = ROLE + 'meta/argument_specs.yml'
DEFAULTS = ROLE + 'defaults/main.yml'
WRITTEN = '# Written by '
"""Says of a file that it is not written by hand."""
ON_CONTROLLER = ('plugins/action/', 'plugins/filter/', 'plugins/plugin_utils/')
"""Where variables are known: elsewhere there are options, some of which are called so, too."""
ADOPTING = ('plugins/action/nixops_adopt.py', 'plugins/plugin_utils/_adopt/')
"""Writes variables into an inventory, as somebody would who reads the documentation of the role, and hands nothing on."""
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class PassedOn(NamedTuple):
    """An option of a module, and the variable that it is given."""

    module: str
    option: str
    variable: str


@dataclass(frozen=True, eq=False)
class Sources:
    """Texts by the paths of their files. states, effects: what the code hands on as a whole, variables by options."""

    texts: Mapping[str, str]
    states: Mapping[str, str]
    effects: Mapping[str, str]

    @classmethod
    def of(cls, root: Path, states: Mapping[str, str], effects: Mapping[str, str]) -> Sources:
        """Those of a checkout."""
        files = [*(root / 'plugins').rglob('*.py'), *(root / ROLE).rglob('*.yml'), root / 'meta' / 'runtime.yml']
        return cls({file.relative_to(root).as_posix(): file.read_text(encoding='utf-8') for file in files}, states, effects)

    @cached_property
    def variables(self) -> set[str]:
        """Those of the role."""
        entries = parsed(self.texts[SPECS])['argument_specs'].values()
        return {name for entry in entries for name in entry.get('options') or {}}

    @cached_property
    def own(self) -> dict[str, Any]:
        """The variables that the role has for itself."""
        return dict(parsed(self.texts[ROLE + 'vars/main.yml']))

    def named(self, text: str) -> set[str]:
        """The variables of the role in a template, also as what preflight made of them."""
        found = set(re.findall(r'\bnixops_\w+', text)) | {'nixops_' + name for name in re.findall(r'\b_nixops_shared\.(\w+)', text)}
        found |= {self.states[name] for name in re.findall(r'\b_nixops_upload\.(\w+)', text)}
        return found & self.variables

    def files(self) -> dict[PassedOn, set[str]]:
        """The files of each option that is passed on."""
        return {passed: tasks | self._others(passed) for passed, tasks in self._tasks().items()}

    def _tasks(self) -> dict[PassedOn, set[str]]:
        """The files of the role that hand on each option."""
        found: dict[PassedOn, set[str]] = {PassedOn('nixops_state', *names): set() for names in self.states.items()}
        found.update({PassedOn('nixops_effect', *names): set() for names in self.effects.items()})
        for path in self.texts:
            for module, options, where in self._handed_on(path) if path.startswith(ROLE + 'tasks/') else ():
                for option, value in options.items():
                    for variable, file in self._variables_in(str(value)):
                        found.setdefault(PassedOn(module, option, variable), set()).update({where, file} - {''})
        return found

    def _variables_in(self, text: str) -> Iterator[tuple[str, str]]:
        """Those in the value of an option, and the file that has them where that is another one."""
        yield from ((variable, '') for variable in self.named(text))
        for name in self.own.keys() & set(re.findall(r'\b_nixops_\w+', text)):
            if isinstance(self.own[name], str):  # in brackets: what it belongs to, not what it is
                yield from ((variable, ROLE + 'vars/main.yml') for variable in self.named(re.sub(r'\[\w+\]', '', self.own[name])))

    def _handed_on(self, path: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
        """Modules, options that the tasks of a file give them, and the file that has them."""
        for task in _mappings(parsed(self.texts[path])):
            for key, given in {**task, **(task.get('module_defaults') or {})}.items():
                group = key == 'group/%shercules_ci' % COLLECTION
                if not group and not key.startswith(COLLECTION):
                    continue
                modules = self._group if group else [key[len(COLLECTION):]]
                whole = re.fullmatch(r'\{\{ (\w+) \}\}', given) if isinstance(given, str) else None
                options = self.own.get(whole[1]) if whole else given
                for module in modules if isinstance(options, Mapping) else ():
                    yield module, options, ROLE + 'vars/main.yml' if whole else path

    @cached_property
    def _group(self) -> list[str]:
        groups: dict[str, list[str]] = parsed(self.texts['meta/runtime.yml'])['action_groups']
        return [name for name in groups['hercules_ci'] if isinstance(name, str)]

    def _others(self, passed: PassedOn) -> set[str]:
        """The files without those of tasks."""
        action = 'plugins/action/%s.py' % passed.module
        found = {SPECS, *self._declaring(passed), *self._documenting(passed)}
        found |= {path for path in self._on_controller if passed.variable in read(self.texts[path]).listed}
        found |= {action} if passed.option in read(self.texts.get(action, '')).elements else set()
        by_hand = WRITTEN not in self.texts[DEFAULTS] and re.search('(?m)^%s:' % passed.variable, self.texts[DEFAULTS])
        return found | ({DEFAULTS} if by_hand else set())

    @cached_property
    def _on_controller(self) -> list[str]:
        return [path for path in self.texts if path.startswith(ON_CONTROLLER) and path.endswith('.py') and not path.startswith(ADOPTING)]

    def _declaring(self, passed: PassedOn) -> Iterator[str]:
        """Where the module's SPEC, or what it is made of, has the option."""
        starts = ['plugins/%s/%s.py' % (kind, passed.module) for kind in ('modules', 'action')]
        near = {path for start in starts if start in self.texts for path in (start, *imported(self, start))}
        near |= {path for start in near for path in imported(self, start) if 'ArgumentSpec' in self.texts[start]}
        if self._is_of_effects(passed):
            near = {path for path in near if passed.option in read(self.texts[path]).parameters} or near
        yield from (path for path in near if passed.option in read(self.texts[path]).declared)

    def _is_of_effects(self, passed: PassedOn) -> bool:
        """Whether it is an option of each effect, which stand together in an option of nixops_effect."""
        return passed.module == 'nixops_effect' and passed.option in self.effects

    def _documenting(self, passed: PassedOn) -> Iterator[str]:
        """Where the module's DOCUMENTATION has the option: its own, or a fragment of it, or what a fragment is made of."""
        own = 'plugins/modules/%s.py' % passed.module
        text = read(self.texts[own]).documentation
        fragments = ['plugins/doc_fragments/%s.py' % name for name in re.findall(r'- nixcd\.hercules_ci\.(_\w+)', text)]
        indent = '   +' if self._is_of_effects(passed) else '  '
        for path in {own, *fragments, *(path for fragment in fragments for path in imported(self, fragment))}:
            if re.search(r'(?m)^%s%s:\n +(?:description|type|aliases):' % (indent, passed.option), read(self.texts[path]).documentation):
                yield path


@cache
def imported(sources: Sources, path: str) -> list[str]:
    """The files that a file imports."""
    found = []
    for level, module, names in read(sources.texts[path]).imports:
        folder = Path(path).parents[level - 1].joinpath(*module.split('.'))
        found += [folder.as_posix() + '.py', *((folder / name).as_posix() + '.py' for name in names)]
    return [file for file in found if file in sources.texts]


class Read(NamedTuple):
    """What is in a file of Python: elements of lists, tuples and sets; what is listed in whatever way; options that it declares."""

    elements: frozenset[str]
    listed: frozenset[str]
    parameters: frozenset[str]
    declared: frozenset[str]
    documentation: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]


@cache
def read(text: str) -> Read:
    """Once for each text."""
    nodes = list(ast.walk(ast.parse(text)))
    elements, parameters = _elements(nodes), _parameters(nodes)
    listed = elements | _keys_and_values(nodes) | _built(nodes)
    imports = tuple((node.level, node.module or '', tuple(each.name for each in node.names))
                    for node in nodes if isinstance(node, ast.ImportFrom) and node.level)
    return Read(elements, listed, parameters, parameters | _declared(nodes), _documentation(nodes), imports)


@cache
def parsed(text: str) -> Any:
    """Once for each text. Nobody changes it."""
    return yaml.safe_load(text)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Tasks and blocks, wherever they are."""
    for item in value if isinstance(value, list) else ():
        yield item
        for key in ('block', 'rescue', 'always'):
            yield from _mappings(item.get(key))


def _strings(node: ast.AST) -> frozenset[str]:
    return frozenset(part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _elements(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """But for what is put into a text."""
    texts = {node.right for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)}
    parts = [part for node in nodes if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and node not in texts for part in node.elts]
    return frozenset(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _keys_and_values(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Of dictionaries."""
    return frozenset(text for node in nodes if isinstance(node, ast.Dict) for text in _strings(node))


def _built(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Variables of which a loop makes the names, from options."""
    loops = [node for node in nodes if isinstance(node, COMPREHENSIONS) and any(map(_adds_prefix, ast.walk(node)))]
    return frozenset('nixops_' + name for loop in loops for part in loop.generators for name in _strings(part.iter))


def _adds_prefix(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and ast.unparse(node.left) in ('PREFIX', "'nixops_'")


def _parameters(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """The options of effects that are parameters of functions, whose types a SPEC takes from there."""
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'Parameter']
    return frozenset(text for call in calls for text in _strings(call.args[0]))


def _declared(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Each with a dictionary that says its type, or a constant that is one."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Dict):
            kinds = [key for key, value in zip(node.keys, node.values) if _is_type(value)]
            found |= {key.value for key in kinds if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        elif isinstance(node, ast.DictComp) and _is_type(node.value):
            found |= {name for part in node.generators for name in _strings(part.iter)}
        elif isinstance(node, ast.Call) and len(node.args) == 2 and _is_type(node.args[1]) and ast.unparse(node.func) == 'dict.fromkeys':
            found |= _strings(node.args[0])
    return frozenset(found)


def _is_type(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Dict) and any(isinstance(key, ast.Constant) and key.value == 'type' for key in node.keys)


def _documentation(nodes: Sequence[ast.AST]) -> str:
    """The strings that are assigned to a name, but for those that document no option."""
    found = [(ast.unparse(node.targets[0]), node.value) for node in nodes if isinstance(node, ast.Assign)]
    return '\n'.join(text for name, value in found if name not in ('RETURN', 'EXAMPLES') for text in _strings(value))
