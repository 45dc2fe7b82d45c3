# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in the encodings in which programs write them. The shells themselves do their quoting."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import urllib.parse
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hci import masking
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hci.masking import Mask, MaskedLines
from hypothesis import example, given
from hypothesis import strategies as st

SECRET = 'it\'s <b>&"x" $y\\zé ꙮ/+'
KEY = '-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n' % '\n'.join(letter * 64 for letter in 'QRSTU')
KEY_FILE = json.dumps({'private_key': KEY, 'client_email': 'robot@example.org', 'number': 1234567}, indent=2)
MASK = Mask([SECRET, KEY_FILE, {'port': 22}, ['1.50', '12e3'], 'd29yZC1pbnNpZGUtb2YtYmFzZTY0'])


def shell(program: str, command: str, locale: str = 'C.UTF-8') -> Callable[[str], str]:
    """What a shell writes when it runs this with a text as $1."""
    def said(text: str) -> str:
        environment = {'PATH': os.environ['PATH'], 'LC_ALL': locale}
        done = subprocess.run([program, '-c', command, 'sh', text], env=environment, check=True, capture_output=True)
        return (done.stdout + done.stderr).decode('utf-8', 'replace')
    return said


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    'JSON': json.dumps,
    'JSON with all characters': lambda text: json.dumps(text, ensure_ascii=False),
    'JSON in JSON': lambda text: json.dumps(json.dumps({'a': text})),
    'JSON in JSON in JSON': lambda text: json.dumps(json.dumps(json.dumps(text))),
    'JSON for HTML': lambda text: json.dumps(text).replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026'),
    'JSON in capitals': lambda text: re.sub('....', r'\\u\g<0>', text.encode('utf-16-be').hex().upper()),
    'JSON of PHP': lambda text: json.dumps(text).replace('/', '\\/'),
    'Python': repr,
    'Python, nested': lambda text: repr({'a': [text]}),
    'Python in ASCII': ascii,
    'Python bytes': lambda text: repr(text.encode()),
    'Python in JSON': lambda text: json.dumps(repr([text])),
    'set -x of bash': shell('bash', 'set -x; : "$1"'),
    'set -x of bash without a locale': shell('bash', 'set -x; : "$1"', 'C'),
    'set -x of sh': shell('sh', 'set -x; : "$1"'),
    'printf %q': shell('bash', 'printf %q "$1"'),
    'declare -p': shell('bash', 'a=$1; declare -p a'),
    'shlex': shlex.quote,
    'URL': urllib.parse.quote,
    'form': urllib.parse.quote_plus,
    'HTML': html.escape,
    'colours': lambda text: text[:3] + '\x1b[31;1m' + text[3:],
    'base64': base64,
    'base64 after one byte': lambda text: base64('x' + text + 'yy'),
    'base64 after two bytes': lambda text: base64('xy' + text),
    'base64 for URLs': lambda text: urlsafe_b64encode(text.encode()).decode(),
    'base64 of JSON': lambda text: base64(json.dumps({'a': text})),
    'base64 of base64': lambda text: base64(base64(text)),
    'hexadecimal': lambda text: text.encode().hex(),
    'hexadecimal in capitals': lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize('encode', ENCODINGS.values(), ids=ENCODINGS)
def test_it_is_masked_as_it_is_written(encode: Callable[[str], str]) -> None:
    """All that is left is what it is written between; and the same a second time in the line."""
    for secret, left in ((SECRET, SECRET), (KEY.splitlines()[2], 'R' * 8)):
        line = 'a %s and %s;\n' % (encode(secret), encode(secret))
        masked = ''.join(MASK(part) for part in line.splitlines(keepends=True))
        assert masked.count('********') == 2 and masked.startswith('a ') and masked.endswith(';\n')
        assert not any(piece in masked for piece in (left, 'it', 'zé', 'RRRR', encode(secret).strip('"\'')))


QUICK = [name for name in ENCODINGS if not name.startswith(('set -x', 'printf', 'declare', 'colours'))]


@given(st.text(min_size=6), st.sampled_from(QUICK))
@example('0000Â\x80', 'Python in ASCII')  # what it writes is UTF-8 of another text
def test_any_text_in_any_encoding(secret: str, encoding: str) -> None:
    lines = [line for line in secret.splitlines() if len(line.strip()) >= 6]
    for line in lines:
        written = ENCODINGS[encoding](line.strip())
        masked = Mask([line])(written)
        assert '********' in masked and (line.strip() not in masked.replace('********', ''))


@pytest.mark.parametrize(('line', 'masked'), [
    ('mail robot@example.org', 'mail ********'), ('number 1234567', 'number ********'),
    ('"' + json.dumps(KEY)[1:-1] + '"', '"********\\n"'),
    ('1.5 or 1.50', '1.5 or ********'), ('12000.0', '********'), ('12000', '********'), ('word-inside-of-base64', '********'),
    ('nothing to see in /nix/store/8h3k7wq0p5jz6x1b2c3d4f5g6h7i8j9k-openssl-3.0.13 on port 22', None),
])
def test_fields_of_json_numbers_and_what_is_encoded_already(line: str, masked: str | None) -> None:
    assert MASK(line) == (line if masked is None else masked)


@pytest.mark.parametrize('secret', ['[canary', '{"x": canary}', '"canary', '[' * 100_000])
def test_what_looks_like_json_and_is_none_is_masked_as_it_is(secret: str) -> None:
    assert Mask([secret])('a %s b' % secret) == 'a ******** b'


def test_words_are_found_however_many_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found out of words is forgotten at times, so that a long log needs no more memory than a short one."""
    monkeypatch.setattr(masking, 'MOST_WORDS', 2)
    mask = Mask([SECRET])
    for _time in range(2):
        for number in range(5):
            word, other = base64('%d%s' % (number, SECRET)), base64('nothing of it %d' % number)
            assert mask('a %s %s' % (word, other)) == 'a ******** %s' % other


def through(text: str, mask: Mask = MASK) -> list[str]:
    lines = MaskedLines(mask)
    return [ready for line in text.splitlines(keepends=True) for ready in lines.take(line)] + lines.end()


@pytest.mark.parametrize(('before', 'prefix', 'content'), [
    ('', '', KEY_FILE), ('', '  ', 'x' * 55 + SECRET), ('key: ', '', SECRET * 5), ('', 'effect> ', 'x' * 30 + SECRET + 'yy'), ('', '', KEY),
])
def test_base64_that_fills_lines_is_masked_across_them(before: str, prefix: str, content: str) -> None:
    wrapped = encodebytes(content.encode()).decode().splitlines(keepends=True)
    masked = through(before + prefix + prefix.join(wrapped) + 'and more\n')
    assert masked == [before + prefix + '********\n', *[prefix + '********\n'] * (len(wrapped) - 1), 'and more\n']


def test_a_last_line_may_be_short_and_in_quotes() -> None:
    wrapped = base64('x' * 42 + SECRET)
    assert through('"%s\n%s"\n' % (wrapped[:60], wrapped[60:])) == ['"********\n', '********"\n']
    assert through('%s\n%s' % (wrapped[:-5], wrapped[-5:])) == ['********\n', '********']


def test_lines_that_hold_nothing_come_as_they_are() -> None:
    other = encodebytes(b'something else ' * 20).decode()
    assert through(other + 'end\n') == (other + 'end\n').splitlines(keepends=True)
    assert through('a' * 40, Mask([])) == ['a' * 40]
    many = ('b' * 40 + '\n') * 5000
    assert ''.join(through(many)) == many


def test_lines_are_not_held_back_for_nothing() -> None:
    lines: Any = MaskedLines(MASK)
    assert lines.take('Deploying neat-network...\n') == ['Deploying neat-network...\n']
    assert lines.take('A' * 60 + '\n') == []
    assert lines.take('done.\n') == ['A' * 60 + '\n', 'done.\n']
