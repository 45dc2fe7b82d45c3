# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as people write it: 25 files with what edits stumble over, each in 8 dressings."""

from __future__ import annotations

from collections.abc import Callable

VAULT = '''!vault |
{pad}$ANSIBLE_VAULT;1.1;AES256
{pad}62313365396662343061393464336163383764373764613633653634306231386433626436623361
{pad}6134333665353966363534333632666535333761666131620a663537646436643839616531643561
'''

SHAPES = {
    'design': '''hercules_agents:
  hosts:
    agent-1: {ansible_host: 203.0.113.11}
    agent-2: {ansible_host: 203.0.113.12}
  vars:
    nixops_agent_secrets:            # usually vaulted
      neat-aws:
        data: {aws_access_key_id: AKIA, aws_secret_access_key: "{{ vault_aws_key }}"}
nixops_networks:
  vars:
    ansible_connection: local
    nixops_project: github/neat-org/neat-repo
    nixops_pins:
      effects: {github: hercules-ci/hercules-ci-effects, revision: af4331c, sha256: 0hn8}   # the newest
  children:
    production:
      vars: {nixops_branches: [production]}
      hosts:
        neat-network:
          nixops_deployment: foo
          nixops_network_files: [network.nix, network-aws.nix]
          # The script of the effect.
          nixops_user_setup_script: writeAWSSecret aws default
''',
    'yaml-ini-like': '''all:
  hosts:
    mail.example.com:
  children:
    webservers:
      hosts:
        foo.example.com:
        bar.example.com:
    dbservers:
      hosts:
        one.example.com:
        two.example.com:
        three.example.com:
''',
    'four-columns': '''all:
    vars:
        packages:
            - git
            - tmux   # for people

            # editors
            - vim
        ntp: ntp.example.org
    children:
        nixops_networks:
            hosts:
                staging:
                    nixops_branches:
                        - staging

                # production is on another machine
''',
    'indentless': '''networks:
- name: foo
  files:
  - network.nix
  - network-aws.nix
  # - network-gce.nix
- name: bar
  files: []
branches:
- production
''',
    'vault': 'secret: ' + VAULT.format(pad='  ') + '''list:
  - first
  - ''' + VAULT.format(pad='    ').rstrip('\n') + '''
nested:
  key: ''' + VAULT.format(pad='    ').rstrip('\n') + '''
# the end
''',
    'unsafe': '''prompt: !unsafe "{{ not a template }}"
all:
  vars:
    text: !unsafe '{% raw %}'
    list: [!unsafe "{{ a }}", b]
''',
    'anchors': '''defaults: &defaults
  user: root
  port: 22
  tags: [a, b]
hosts:
  one:
    <<: *defaults
    port: 2222
  two: *defaults
  three:
    copy: *defaults
    name: three
''',
    'duplicates': '''settings:
  color: blue
  size: 1
  color: red   # this one counts
  list: [1]
settings2:
  x: y
''',
    'last-comments': '''first:
  a: 1
  b: 2
  # c: 3
  # d: 4

# Section two
second:
  list:
    - x
    # - y

# Section three

third: value   # and a last word
# vim: ft=ansible
''',
    'long-lines': 'message: ' + 'word ' * 60 + 'end\nother:\n  list: [' + ', '.join('item-%03d' % n for n in range(40)) + ''']
  quoted: "''' + 'long text ' * 30 + '"\n',
    'jinja': '''url: "https://{{ inventory_hostname }}:{{ port | default(443) }}/"
condition: '{{ groups["all"] | length > 1 }}'
all:
  vars:
    command: >-
      echo {{ a }}
      and {{ b }}
    list:
      - "{{ item }}"
''',
    'yaml-1.1': '''on: yes
switches:
  'on': off
  time: 12:30
  octal: 012
  mode: '0644'
  number: 1_000
  float: 1e3
  null_: ~
  words: [yes, no, on, off, y, n]
  date: 2026-01-21
  version: 1.10
  norway: NO
''',
    'block-text': '''script: |
  set -e

  echo one
    # not a comment
folded: >
  one
  two

kept: |+
  text

stripped: |-
  text
lists:
  - |
    item

# after
last: |2
    indented
''',
    'flow-lines': '''all:
  vars: {
    a: 1,    # one
    b: two,
    c: [
      x,
      y,   # why
    ],
  }
  hosts: {one: , two: {}, three: {ansible_host: "::1"}}
''',
    'json': '''{
  "all": {
    "hosts": {
      "one": {"ansible_host": "203.0.113.1"},
      "two": {}
    },
    "vars": {
      "list": [
        "a",
        "b"
      ]
    }
  }
}
''',
    'json-one-line': '{"all": {"hosts": {"one": null}, "vars": {"list": ["a"], "text": "b"}}}\n',
    'empties': '''nothing:
tilde: ~   # nothing either
word: null
braces: {}  # none yet
brackets: []
spaced: { }
deep:
  hosts: {}
  # hosts of the group
  vars:
''',
    'quotes': """single: 'it''s'
double: "tab\\tand \\"quotes\\""
names: ['one', 'two']
all:
  vars:
    'a key': 'value'
    "b": 'c'
""",
    'many-lines': '''plain: first
  second
  third
quoted: "first
  second

  third"
all:
  list:
    - a long
      item
    - 'another
      one'
''',
    'lists': '''- name: play
  hosts: all
  vars:
    list:
      -   wide
      -   dashes
  tasks:
    - debug: {msg: hello}
    - - nested
      - list
    -
      late: yes
''',
    'umlauts': '''größe: groß   # übel
emoji: 😀 face
all:
  vars:
    "naïve key": "déjà vu"
    list: [日本, 'élan']
''',
    'compact': 'a: {b: {c: [1,2,{d: e}]}}\nf: [g,h]\n"i":j\n' .replace('"i":j', '"i": j'),
    'comments-everywhere': '''# top

# second paragraph
all:   # everything
  # before hosts
  hosts:   # the hosts
    # before one
    one:   # first
      # before x
      x: 1   # x
      # after x
    # after one
  # after hosts
  vars:
    list:   # items
      # before
      - a   # a
      # after a
    # after list
# after all
''',
    'ended': '''# prettier-ignore-start
all:
  vars:
    text: value
    list:
      - one
# prettier-ignore-end
...
''',
    'odd-spaces': '''all :
   hosts :
      one :  { a : 1 , b : [ x , y ] }
      two:

   vars:
      text:    value     # far
      list:
      -  a
      -  b
''',
}


def _versioned(text: str) -> str:
    return '%YAML 1.1\n---\n' + text.removeprefix('---\n')


DRESSINGS: dict[str, Callable[[str], bytes]] = {
    'plain': str.encode,
    'marked': lambda text: text.encode() if text.startswith('---') else ('---\n' + text).encode(),
    'crlf': lambda text: text.replace('\n', '\r\n').encode(),
    'bom': lambda text: ('\ufeff' + text).encode(),
    'unended': lambda text: text.rstrip('\n').encode(),
    'versioned': lambda text: _versioned(text).encode(),
    'spaced': lambda text: ('\n\n# head\n\n' + text.removeprefix('---\n').removesuffix('...\n') + '\n\n# foot\n\n\n').encode(),
    'bom-crlf-unended': lambda text: ('\ufeff' + text.rstrip('\n').replace('\n', '\r\n')).encode(),
}
FILES = {'%s, %s' % (name, dressing): dress(text) for name, text in SHAPES.items() for dressing, dress in DRESSINGS.items()}
