# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The site of the documentation in a browser: at the width of a telephone and of a desk, light and dark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import NEEDS_CHROMIUM, seen_in_frames
from tests.support.surroundings import ROOT

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

PAGES = ('index', 'nixops_state_fetch_module', 'nixops_role', 'to_nix_filter', 'docsite/guide_deploy', 'docsite/guide_troubleshooting')
WIDTHS = (390, 1280)
# What is too wide and cannot be scrolled, and what is too pale (contrast by WCAG 2) on the background that is behind it.
PROBE = r"""
const look = frame => {
  const page = frame.contentDocument, style = element => frame.contentWindow.getComputedStyle(element);
  const up = (element, fits) => { while (element && !fits(element)) element = element.parentElement; return element; };
  const opaque = e => (numbers(style(e).backgroundColor)[3] ?? 1) > .5;
  const behind = element => style(up(element, opaque) || page.documentElement).backgroundColor;
  const all = [...page.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().width > 1);
  const text = e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join('');
  const told = e => e.tagName + '.' + e.className + ': ' + text(e).slice(0, 40);
  const sideways = e => ['auto', 'scroll'].includes(style(e).overflowX) && e.tagName !== 'BODY' && e.className !== 'wy-nav-content-wrap';
  return {
    width: page.documentElement.scrollWidth,
    wide: all.filter(e => text(e) && e.getBoundingClientRect().right > frame.clientWidth + .5 && !up(e, sideways)).map(told),
    pale: all.filter(e => /\w/.test(text(e)) && style(e).opacity > .5 && contrast(style(e).color, behind(e)) < 4.5).map(told),
    paper: behind(page.querySelector('.rst-content')),
    text: text(page.querySelector('h1')),
  };
};
"""


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it."""
    folder = tmp_path_factory.mktemp('site') / 'html'
    subprocess.run([sys.executable, '-m', 'tests.site', str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope='module', params=['light', 'dark'])
def seen(request: pytest.FixtureRequest, site: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """Which colours are asked for, and what the browser says of each page at each width, in frames of one window."""
    frames = {(page, width): 'src="%s.html"' % page for page in PAGES for width in WIDTHS}
    return request.param, seen_in_frames(site, frames, PROBE, dark=request.param == 'dark')


def test_pages_fit_the_screen(seen: tuple[str, dict[str, dict[str, Any]]]) -> None:
    for name, page in seen[1].items():
        assert page['wide'] == [], name
        assert page['width'] <= int(name.split()[1]), name
        assert page['text'], name


def test_in_the_dark_pages_are_dark_and_everything_can_be_read(seen: tuple[str, dict[str, dict[str, Any]]]) -> None:
    """The light colours are the theme's own."""
    scheme, pages = seen
    assert {page['paper'] for page in pages.values()} == {'rgb(252, 252, 252)' if scheme == 'light' else 'rgb(20, 24, 29)'}
    assert {name: page['pale'] for name, page in pages.items() if page['pale'] and scheme == 'dark'} == {}
