# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a real browser: at the width of a telephone and of a desk, light and dark, and on paper."""

from __future__ import annotations

import html
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.page import html_page
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import agents_of, keys_of, outcomes_of

from tests.support.browser import NEEDS_CHROMIUM, run_chromium, seen_in_frames

from .conftest import AGENTS, KEYS, NETWORKS, fleet, network, secret

pytestmark = NEEDS_CHROMIUM

LONG = 'x' * 90
FLEETS = {
    'few': (NETWORKS, AGENTS),
    'thirty': fleet(30, projects=2),
    'many': fleet(200, projects=5),
    'long': ([network(LONG, branch=LONG, project='github/%s/%s' % (LONG, LONG), message=LONG, result='failed', secrets_map={'a': LONG},
                      problems=[{'what': LONG, 'where': LONG, 'found': LONG}], log=[LONG], planned=[LONG])],
             {LONG: {LONG: secret(LONG, condition={'isBranch': LONG})}}),
}
# What is too wide, what of a text lies outside its box, what is too pale (contrast by WCAG 2), and which parts are seen.
PROBE = r"""
const look = frame => {
  const page = frame.contentDocument, style = element => frame.contentWindow.getComputedStyle(element);
  const seen = element => element.getClientRects().length > 0, all = selector => [...page.querySelectorAll(selector)].filter(seen);
  const paper = style(page.body).backgroundColor;
  return {
    width: page.documentElement.scrollWidth,
    wide: all('body *').filter(e => e.getBoundingClientRect().right > frame.clientWidth + .5).map(e => e.outerHTML.slice(0, 80)),
    cut: all('td').filter(e => {
      const inside = page.createRange();
      inside.selectNodeContents(e);
      return inside.getBoundingClientRect().right > e.getBoundingClientRect().right - parseFloat(style(e).paddingRight) + 1;
    }).map(e => e.outerHTML.slice(0, 80)),
    spilling: all('.node').flatMap(node => [...node.querySelectorAll('text')].filter(text =>
      text.getBBox().x + text.getBBox().width > node.querySelector('rect').width.baseVal.value - 4).map(text => text.textContent)),
    smallest: Math.min(...all('.node text').map(text => parseFloat(style(text).fontSize) * text.getScreenCTM().a)),
    pale: all('h1, h3, p, b, th, td, dt, dd, pre, a, span, footer').filter(e =>
      contrast(style(e).color, e.tagName == 'PRE' ? style(e).backgroundColor : paper) < 4.5).map(e => e.outerHTML.slice(0, 80)),
    faint: all('.node').flatMap(node => [...node.querySelectorAll('text')].filter(text =>
      contrast(style(text).fill, style(node.querySelector('rect')).fill) < 4.5).map(text => text.textContent)),
    paper: paper,
    diagrams: all('svg[role=img]').map(svg => svg.getAttribute('class')),
    headed: page.querySelector('.results thead').getBoundingClientRect().width > 1,
    loaded: frame.contentWindow.performance.getEntriesByType('resource').length,
  };
};
"""


def page_of(name: str) -> str:
    networks, agents = FLEETS[name]
    return html_page(outcomes_of(networks), agents_of(agents), datetime(2026, 3, 1, 9, 5, tzinfo=timezone.utc),
                     keys_of([{**KEYS[0], 'user': LONG, 'next': LONG}] if name == 'long' else KEYS))


@pytest.fixture(scope='module', params=['light', 'dark'])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the browser says of each page at each width, in frames of one window."""
    folder = tmp_path_factory.mktemp(request.param)
    frames = {(name, width): 'srcdoc="%s"' % html.escape(page_of(name)) for name in FLEETS for width in (360, 1280)}
    found = seen_in_frames(folder, frames, PROBE, dark=request.param == 'dark')
    assert {one['paper'] for one in found.values()} == {'rgb(255, 255, 255)' if request.param == 'light' else 'rgb(18, 22, 28)'}
    return found


@pytest.mark.parametrize('width', [360, 1280])
@pytest.mark.parametrize('name', FLEETS)
def test_the_page_fits_the_screen(seen: dict[str, dict[str, Any]], name: str, width: int) -> None:
    page = seen['%s %d' % (name, width)]
    assert page['wide'] == []
    assert page['width'] <= width
    assert page['diagrams'] == ['narrow' if width == 360 else 'wide']
    assert page['headed'] == (width > 360)


@pytest.mark.parametrize('width', [360, 1280])
@pytest.mark.parametrize('name', FLEETS)
def test_everything_can_be_read(seen: dict[str, dict[str, Any]], name: str, width: int) -> None:
    page = seen['%s %d' % (name, width)]
    assert page['spilling'] == page['cut'] == []
    assert page['pale'] == page['faint'] == []
    assert page['smallest'] >= 10.5
    assert page['loaded'] == 0


@pytest.mark.parametrize(('name', 'pages'), [('few', 2), ('thirty', 5)])
def test_on_paper_the_page_takes_few_sheets(tmp_path: Path, name: str, pages: int) -> None:
    (tmp_path / 'page.html').write_text(page_of(name), 'utf-8')
    run_chromium(tmp_path, '--no-pdf-header-footer', '--print-to-pdf=%s' % (tmp_path / 'page.pdf'), (tmp_path / 'page.html').as_uri())
    assert 1 <= len(re.findall(rb'/Type */Page\b', (tmp_path / 'page.pdf').read_bytes())) <= pages
