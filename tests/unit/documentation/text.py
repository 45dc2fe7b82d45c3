# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as people write it for Ansible, and what stands in a plugin's file."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml


class NoTemplate(str):
    """Text that Ansible takes as it is."""


class Loader(yaml.SafeLoader):
    """YAML with Ansible's tags."""


for tag in ('!unsafe', '!vault'):
    Loader.add_constructor(tag, lambda loader, node: NoTemplate(loader.construct_scalar(node)))


def read(text: str) -> list[Any]:
    """The documents of a text."""
    return [document for document in yaml.load_all(text, Loader) if document is not None]


def is_template(value: Any) -> bool:
    """Whether only Ansible knows what becomes of it."""
    return isinstance(value, str) and ('{{' in value or '{%' in value)


def constant(path: Path, name: str) -> str:
    """A text that a plugin's file gives a name, such as EXAMPLES."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    (value,) = (node.value for node in assigned if any(getattr(target, 'id', '') == name for target in node.targets))
    return str(ast.literal_eval(value))
