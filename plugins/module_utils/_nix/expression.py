# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Print values as expressions of the Nix language.

Strings are always strings: what shall be code is marked, `{'_nix': CODE}`, and so is a path, `{'_path': './stub.nix'}`.
Nothing else is ever taken as code. The grammar is that of Nix' own lexer and parser (src/libexpr/lexer.l, parser.y).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._problems import fail

# nixfmt's line length.
WIDTH = 100
INDENT = 2

KEYWORDS = frozenset(('assert', 'else', 'if', 'in', 'inherit', 'let', 'or', 'rec', 'then', 'with'))
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*\Z")
ATTRIBUTE_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z_][A-Za-z0-9_'-]*)*\Z")
CLOSED = re.compile(r'\([^()]*\)\Z|\(\n')
PATH_LITERAL = re.compile(r'(\.{0,2}/)[A-Za-z0-9._+/-]*\Z')
SMALLEST_NORMAL = 2.2250738585072014e-308
LARGEST_INTEGER = 2**63 - 1

ESCAPES = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t'}
NEEDS_ESCAPE = re.compile(r'["\\\n\r\t]|\$(?=\{)')
# Other controls than tabs and newlines nobody would see in an indented string.
NOT_FOR_INDENTED = re.compile(r'[\x00-\x08\x0b-\x1f\x7f]')
# Two quotes end an indented string, and one quote would merge with the escape of what follows it.
INDENTED_ESCAPES = {"''": "'''", "'": "''\\'", '${': "''${"}
NEEDS_INDENTED_ESCAPE = re.compile(r"''|'(?=\$\{)|\$\{")


def is_identifier(name: str) -> bool:
    """Whether Nix takes the name unquoted, as an attribute or a variable."""
    return bool(IDENTIFIER.match(name)) and name not in KEYWORDS


def attribute_name(name: str, where: str = '') -> str:
    """An attribute name as it is written before an equals sign: quoted where Nix needs it."""
    return name if is_identifier(name) else quoted(name, where)


def quoted(text: str, where: str = '') -> str:
    """A string on one line, in double quotes."""
    check_text(text, where)
    return '"%s"' % NEEDS_ESCAPE.sub(lambda match: ESCAPES.get(match.group(), '\\$'), text)


def check_text(text: str, where: str) -> None:
    """Refuse what no Nix file can hold, in a string or elsewhere."""
    if '\0' in text:
        raise fail('Nix cannot read the character NUL.', where, remedy='Remove it.')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise fail('Nix reads UTF-8, and this text has a lone surrogate.', where, remedy='Correct the encoding.') from None


def can_be_indented(text: str) -> bool:
    """Whether text between two single quotes comes out of Nix unchanged: it strips what all lines share, and a last line of blanks."""
    lines = text.split('\n')
    inner = [line for line in lines if line.strip(' ')]
    return (
        len(lines) > 1
        and not NOT_FOR_INDENTED.search(text)
        and any(not line.startswith(' ') for line in inner)
        and (lines[-1] == '' or (bool(lines[-1].strip(' ')) and not text.endswith("'")))
    )


def indented(text: str, indent: int) -> str:
    """A string of several lines between two single quotes; the caller has asked can_be_indented."""
    check_text(text, '')
    escaped = NEEDS_INDENTED_ESCAPE.sub(lambda match: INDENTED_ESCAPES[match.group()], text)
    lines = [' ' * (indent + INDENT) + line if line else '' for line in escaped.split('\n')]
    if not lines[-1]:
        lines[-1] = ' ' * indent
    return "''\n%s''" % '\n'.join(lines)


def string(text: str, indent: int = 0, where: str = '') -> str:
    """A string in the style that a person would choose: indented when it has several lines and Nix gives them back unchanged."""
    return indented(text, indent) if can_be_indented(text) else quoted(text, where)


def integer(value: int, where: str = '') -> str:
    """Nix has 64 bits, and its lexer knows no negative numbers: the smallest one can only be computed."""
    if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise fail('The number does not fit Nix\' 64 bit integers.', where, found=str(value), remedy='Write it as a string.')
    return str(value) if value >= -LARGEST_INTEGER else '(-%d - 1)' % LARGEST_INTEGER


def floating(value: float, where: str = '') -> str:
    """Nix wants a point in every float, and refuses literals below the smallest normal number."""
    if not math.isfinite(value):
        raise fail('Nix has no infinity and no NaN.', where, found=str(value), remedy='Write it as a string.')
    text = repr(float(value))
    if 0 < abs(value) < SMALLEST_NORMAL:
        return '(builtins.fromJSON "%s")' % text
    mantissa, mark, exponent = text.partition('e')
    return (mantissa if '.' in mantissa else mantissa + '.0') + mark + exponent


def path(text: str, where: str = '') -> str:
    """A path: a literal where Nix has one for it, else a sum. Relative paths are relative to the file that the expression is in."""
    check_text(text, where)
    parts = [part for part in text.split('/') if part not in ('', '.')]
    if text.startswith('/'):
        start = '/'
    elif text.split('/', 1)[0] in ('.', '..'):
        start = './' if parts[:1] != ['..'] else ''
    else:
        raise fail('A path starts with ./, ../ or /.', where, found=text, remedy='Write ./%s for a file beside this one.' % text)
    if all(part == '..' for part in parts):
        return start + '/'.join([*parts, '.'])
    literal = start + '/'.join(parts)
    if PATH_LITERAL.match(literal):
        return literal
    up = [part for part in parts if part == '..']
    return '(%s + %s)' % (start + '/'.join([*up, '.']), quoted('/' + '/'.join(parts[len(up):]), where))


def code(text: str, indent: int = 0) -> str:
    """Code that was marked as such, so that it stays one expression: in parentheses where it might end the binding or open a comment."""
    text = text.strip()
    if not re.search(r'[;#\n]|/\*', text) or _is_closed(text):
        return text
    if not re.search(r'[#\n]|/\*', text):
        return '(%s)' % text
    lines = text.split('\n')
    # Only where no string goes on over a line, as blanks in it would be text.
    if not any("''" in line or re.sub(r'\\.', '', line).count('"') % 2 for line in lines):
        lines = [' ' * (indent + INDENT) + line if line else '' for line in lines]
    return '(\n%s\n%s)' % ('\n'.join(lines), ' ' * indent)


def _is_closed(text: str) -> bool:
    """Whether braces hold every semicolon of a line of code. Strings that may hold code themselves are not looked into."""
    rest = re.sub(r'"(?:[^"\\$]|\\.)*"', 'text', text)
    if re.search(r'"|\'\'|[#\n]|/\*', rest):
        return False
    while rest != (rest := re.sub(r'\{[^{}]*\}', 'set', rest)):
        pass
    return ';' not in rest


def _marked(value: Mapping[Any, Any], indent: int, where: str) -> str | None:
    """What a marker stands for; None for an ordinary attribute set. A marker with company is a mistake, not an attribute set."""
    for marker in ('_nix', '_path'):
        if marker in value:
            if len(value) > 1 or not isinstance(value[marker], str) or not value[marker].strip():
                others = ', '.join(str(key) for key in value if key != marker)
                raise fail(
                    'A marked value has the one key %s and a text.' % marker, where, found='%s, too' % others if others else 'no text',
                    remedy='Put nothing beside %s.' % marker if others else 'Give it the text.',
                )
            return code(value[marker], indent) if marker == '_nix' else path(value[marker], where)
    return None


def to_nix(value: Any, indent: int = 0, *, start: int | None = None, short_lists: bool = False, where: str = '') -> str:
    """The expression for a value of JSON's or YAML's types, laid out as nixfmt does; attribute sets keep their order.

    indent: columns that the line is indented by; the first line is not, as something stands before it.
    start: the column at which the expression starts.
    short_lists: keep lists of plain values on one line while they fit, as people who do not use nixfmt write them.
    where: what to call the value in errors.
    Raises Failure for what Nix cannot hold.
    """
    try:
        return _print(value, indent, indent if start is None else start, short_lists, where)
    except RecursionError:
        raise fail('The value is nested too deeply.', where, remedy='Remove levels.') from None


def _print(value: Any, indent: int, start: int, short_lists: bool, where: str) -> str:
    if value is None or isinstance(value, bool):
        return {None: 'null', True: 'true', False: 'false'}[value]
    if isinstance(value, str):
        return string(value, indent, where)
    if isinstance(value, (int, float)):
        return integer(value, where) if isinstance(value, int) else floating(value, where)
    if isinstance(value, Mapping):
        marked = _marked(value, indent, where)
        return _print_set(value, indent, start, short_lists, where) if marked is None else marked
    if isinstance(value, (list, tuple)):
        return _print_list(value, indent, start, short_lists, where)
    raise fail(
        'Nix has no values of type %s.' % _type_name(value), where, expected='text, a number, true, false, null, a list or a mapping',
        remedy='Write a date or the like as text, in quotes; make a list of a set with the filter list.',
    )


def _type_name(value: Any) -> str:
    """What a user calls the type: not the class that Ansible keeps the value's origin in, but the one that it extends."""
    return next(kind.__name__ for kind in type(value).__mro__ if not kind.__module__.startswith('ansible.'))


def in_list(text: str) -> str:
    """Code as an element of a list or an argument of a function, where only a term may stand."""
    return text if ATTRIBUTE_PATH.match(text) or PATH_LITERAL.match(text) or CLOSED.match(text) else '(%s)' % text


def _print_list(values: Sequence[Any], indent: int, start: int, short_lists: bool, where: str) -> str:
    inner = indent + INDENT
    items = [
        _element(value, _print(value, inner, inner, short_lists, '%s[%d]' % (where, number))) for number, value in enumerate(values)
    ]
    line = '[ %s ]' % ' '.join(items) if items else '[ ]'
    plain = short_lists and not any(item[:1] in '[{' for item in items)
    if '\n' not in line and (not items or ((len(items) == 1 or plain) and start + len(line) < WIDTH)):
        return line
    return '[\n%s%s]' % (''.join('%s%s\n' % (' ' * inner, item) for item in items), ' ' * indent)


def _element(value: Any, text: str) -> str:
    """Numbers below zero are sums to Nix, and code may be anything: in a list both need parentheses."""
    if isinstance(value, Mapping) and '_nix' in value:
        return in_list(text)
    return '(%s)' % text if text.startswith('-') else text


def _print_set(value: Mapping[Any, Any], indent: int, start: int, short_lists: bool, where: str) -> str:
    inner = indent + INDENT
    bindings = []
    for name, item in value.items():
        if not isinstance(name, str):
            raise fail('Attribute names are text.', where, found=repr(name), remedy='Put the key in quotes.')
        at = '%s.%s' % (where, name) if where else name
        bindings.append(binding(name, item, inner, short_lists=short_lists, where=at))
    line = '{ %s }' % ' '.join(bindings) if bindings else '{ }'
    if len(bindings) <= 1 and '\n' not in line and start + len(line) < WIDTH:
        return line
    return '{\n%s%s}' % (''.join('%s%s\n' % (' ' * inner, text) for text in bindings), ' ' * indent)


def binding(name: str, value: Any, indent: int = 0, *, short_lists: bool = False, where: str = '') -> str:
    """`name = value;`, without the indentation of its first line."""
    left = '%s = ' % attribute_name(name, where)
    return '%s%s;' % (left, _print(value, indent, indent + len(left), short_lists, where or name))
