# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page: whole, alone, and safe to look at."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Agent, Outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.page import html_page, same_but_for_time
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import agents_of, keys_of, outcomes_of
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import AGENTS, KEYS, NETWORKS, PROBLEM, network, secret

OUTCOMES, KNOWN_AGENTS = outcomes_of(NETWORKS), agents_of(AGENTS)
NOW = datetime(2026, 3, 1, 9, 5, tzinfo=timezone.utc)
VOID = {'meta', 'br'}


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed. Keeps texts by element, tags, and values of attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or '') for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != 'style':
            self.texts.append(data.strip())

    def named(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]


def test_the_page_tells_all_that_the_table_tells() -> None:
    page = Page(html_page(OUTCOMES, KNOWN_AGENTS, NOW))
    for text in ('github/neat-org/neat-repo', 'broken-network', 'neat-network', 'new-network', 'production', 'staging', '1f0c2d3e', '3 → 4',
                 '#123', 'failed', 'deployed', 'would deploy', 'The effect broke.', '1 March 2026, 09:05 UTC'):
        assert text in page.texts
    assert page.named('href').count('https://hercules-ci.com/github/neat-org/neat-repo/jobs/123') == 3


def test_secrets_are_told_with_fields_condition_agents_and_networks() -> None:
    texts = Page(html_page(OUTCOMES, KNOWN_AGENTS, NOW)).texts
    for text in ('spare', 'spare_field', 'key_id', 'branch production', 'agent-1,', 'agent-2', 'given by Hercules CI', 'on no agent'):
        assert text in texts


def test_what_failed_is_told_with_the_end_of_its_log_and_what_to_do() -> None:
    page = Page(html_page(OUTCOMES, KNOWN_AGENTS, NOW))
    told = page.texts[page.texts.index('What failed, and why'):page.texts.index('Plans')]
    for text in ('broken-network', 'The effect broke.', 'no route to host', 'Look at that page'):
        assert text in told
    assert told[-1] == 'The effect wrote at the end:\n  error: no route'
    assert '#reason-1' in page.named('href')


def test_networks_that_failed_alike_and_those_with_the_same_plan_are_told_together() -> None:
    alike = {'result': 'failed', 'problems': [PROBLEM], 'planned': ['Plan: the same.']}
    page = Page(html_page(outcomes_of([network('network-%d' % number, **alike) for number in range(20)]), [], NOW))
    assert [page.texts.count(text) for text in ('no route to host', 'Plan: the same.')] == [1, 1]
    assert page.texts.count('and 12 more') == 2
    assert {href for href in page.named('href') if href.startswith('#r')} == {'#reason-1'}


def test_where_nothing_failed_and_nothing_is_planned_nothing_is_told_of_that() -> None:
    texts = Page(html_page(outcomes_of([network()]), [], NOW)).texts
    assert not {'What failed, and why', 'Plans', 'AWS access keys'} & set(texts)


def test_plans_and_keys_are_told() -> None:
    page = Page(html_page(OUTCOMES, KNOWN_AGENTS, NOW, keys_of(KEYS)))
    assert '+ app1 (ec2)\nPlan: 1.' in page.texts
    told = page.texts[page.texts.index('AWS access keys'):]
    for text in ('neat-deployer', 'neat-aws', '…7XQ2', '2026-11-17', 'wait', ': The old key is switched off tomorrow.'):
        assert text in told


def test_links_within_the_page_and_references_lead_somewhere() -> None:
    page = Page(html_page(OUTCOMES, KNOWN_AGENTS, NOW))
    ids = page.named('id')
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.named('href') if href.startswith('#')} <= set(ids)
    assert {name for names in page.named('aria-labelledby') for name in names.split()} <= set(ids)


def test_the_page_loads_nothing() -> None:
    html = html_page(OUTCOMES, KNOWN_AGENTS, NOW)
    page = Page(html)
    assert not set(page.tags) & {'script', 'link', 'img', 'iframe', 'object', 'embed', 'audio', 'video', 'base', 'form'}
    assert not set(dict(page.attributes)) & {'src', 'srcset', 'style'}
    assert not any(name.startswith('on') for name, _value in page.attributes)
    assert 'url(' not in html and '@import' not in html
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.named('content')


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=['Cs', 'Cc', 'Cf', 'Zl', 'Zp', 'Zs']), min_size=1))
def test_no_name_is_taken_for_markup(name: str) -> None:
    harmless = Page(html_page(*both('harmless'), NOW))
    page = Page(html_page(*both(name), NOW))
    assert page.tags == harmless.tags
    assert [attribute for attribute, _value in page.attributes] == [attribute for attribute, _value in harmless.attributes]
    assert any(name in text for text in page.texts)


@pytest.mark.parametrize('name', [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'", '&amp;', '{{ 1 }}', ']]>', '-->', '</title>',
])
def test_markup_in_names_is_text(name: str) -> None:
    page = Page(html_page(*both(name), NOW))
    assert name in page.texts
    assert 'script' not in page.tags and 'img' not in page.tags


def both(name: str) -> tuple[list[Outcome], list[Agent]]:
    return (
        outcomes_of([network(
            name, project=name, branch=name, commit=name, message=name, result='failed', secrets_map={name: name},
            problems=[{'what': name, 'where': name, 'expected': name, 'found': name, 'remedy': name}], log=[name], planned=[name],
        )]),
        agents_of({name: {name: secret(name, condition={'isBranch': name})}}),
    )


def test_pages_made_at_different_times_are_the_same_and_others_are_not() -> None:
    page = html_page(OUTCOMES, KNOWN_AGENTS, NOW)
    later = html_page(OUTCOMES, KNOWN_AGENTS, NOW + timedelta(days=1))
    assert page != later
    assert same_but_for_time(page, later)
    at_rest = outcomes_of([{**entry, 'plan': '', 'planned': []} for entry in NETWORKS])
    assert same_but_for_time(page, html_page(at_rest, KNOWN_AGENTS, NOW))
    assert not same_but_for_time(page, html_page(OUTCOMES, KNOWN_AGENTS, NOW, keys_of(KEYS)))
    assert not same_but_for_time(page, html_page(OUTCOMES[1:], KNOWN_AGENTS, NOW))
    assert not same_but_for_time(page, html_page(OUTCOMES, KNOWN_AGENTS[1:], NOW))


def test_a_page_of_nothing_is_a_page() -> None:
    assert '0 networks of 0 projects' in Page(html_page([], [], NOW)).texts
