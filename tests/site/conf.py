# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx: the look of Ansible's own documentation. What refers to that leads there; every other reference has to be found."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from pygments.formatters import HtmlFormatter

project = 'nixcd.hercules_ci'
project_copyright = 'nixcd.hercules_ci contributors'
title = html_short_title = html_title = 'nixcd.hercules_ci'
extensions = ['sphinx.ext.intersphinx', 'sphinx_antsibull_ext']
pygments_style = 'ansible'
highlight_language = 'YAML+Jinja'
html_theme = 'sphinx_ansible_theme'
html_show_sphinx = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False
html_theme_options = {'show_rtd_ethical_ads': False, 'topbar_links': {'Repository': 'https://github.com/nixcd/ansible-hercules-ci'}}
default_role = 'any'
nitpicky = True

# Sphinx would download the list of all that Ansible's documentation has. These few are what ours refers to.
ANSIBLE = 'https://docs.ansible.com/ansible/latest/'
LABELS = {
    'action_plugins': 'plugins/action.html',
    'ansible_configuration_settings': 'reference_appendices/config.html',
    'common_return_values': 'reference_appendices/common_return_values.html',
}
VARIABLES = ('CACHE_PLUGIN', 'CACHE_PLUGIN_CONNECTION', 'CACHE_PLUGIN_PREFIX', 'CACHE_PLUGIN_TIMEOUT', 'KEEP_REMOTE_FILES')


def inventory(path: str) -> str:
    """Write the list in Sphinx's form, and return its path."""
    entries = ['%s std:label -1 %s %s' % (label, page, label.replace('_', ' ').capitalize()) for label, page in LABELS.items()]
    entries += ['ANSIBLE_%s std:envvar 1 reference_appendices/config.html#envvar-ANSIBLE_%s -' % (name, name) for name in VARIABLES]
    header = '# Sphinx inventory version 2\n# Project: Ansible\n# Version: latest\n# The remainder of this file is compressed using zlib.\n'
    with open(path, 'wb') as stream:
        stream.write(header.encode() + zlib.compress('\n'.join([*entries, '']).encode()))
    return path


intersphinx_mapping = {'ansible': (ANSIBLE, inventory(os.path.join(os.environ['SITE_WORK'], 'ansible.inv')))}

# Dark colours of code, beside those of everything else. The theme has neither.
MADE = Path(os.environ['SITE_WORK'], 'static')
MADE.mkdir(exist_ok=True)
(MADE / 'code-dark.css').write_text(HtmlFormatter(style='github-dark').get_style_defs('.highlight'))
html_static_path = ['static', str(MADE)]
html_css_files = [('code-dark.css', {'media': '(prefers-color-scheme: dark)'}), 'site.css']
