# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real browser, which says how pages look in it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason='no Chromium here: pages were not looked at in a browser')
QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--allow-file-access-from-files']
# Contrast by WCAG 2 of two colours, as style gives them.
CONTRAST = r"""
const numbers = color => color.match(/[\d.]+/g).map(Number);
const luminance = color => {
  const [r, g, b] = numbers(color).slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + .05) / (low + .05);
};
"""
ANSWER = """
addEventListener('load', () => {
  const found = Object.fromEntries([...document.querySelectorAll('iframe')].map(frame => [frame.id, look(frame)]));
  document.body.innerHTML = '<pre>' + btoa(unescape(encodeURIComponent(JSON.stringify(found)))) + '</pre>';
});
"""


def run_chromium(folder: Path, *arguments: str) -> str:
    """What it prints. folder: for its own files."""
    command = [str(CHROMIUM), *QUIET, '--user-data-dir=%s' % (folder / 'profile'), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=400).stdout


def seen_in_frames(folder: Path, frames: dict[tuple[str, int], str], look: str, *, dark: bool) -> dict[str, dict[str, Any]]:
    """What a function `look` of a script says of each frame of one window, by name and width.

    folder: where pages that frames name are. frames: by name and width, where it is from, as the attribute that says so.
    """
    frame = '<iframe id="%s %d" style="width:%dpx; height:800px; border:0" %s></iframe>'
    body = ''.join(frame % (name, width, width, source) for (name, width), source in frames.items())
    page = '<!DOCTYPE html><meta charset="utf-8">%s<script>%s%s%s</script>' % (body, CONTRAST, look, ANSWER)
    (folder / 'frames.html').write_text(page, 'utf-8')
    scheme = '--blink-settings=preferredColorScheme=%d' % (not dark)
    answer = run_chromium(folder, scheme, '--dump-dom', (folder / 'frames.html').as_uri())
    found: dict[str, dict[str, Any]] = json.loads(base64.b64decode(re.findall('<pre>(.*)</pre>', answer)[0]))
    return found
