#!/usr/bin/env bash
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Make a release from the commit that is checked out: version, changelog, commit, tag, tarball. Nothing is pushed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH" # antsibull-changelog calls ansible-doc
die() { printf 'release: %s\n' "$*" >&2; exit 1; }

version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "Say which version, such as: make release VERSION=1.2.3 (found: '$version')"
[[ -z $(git status --porcelain) ]] || die 'There are changes that are not committed. Commit or remove them first.'
! git rev-parse --quiet --verify "refs/tags/$version" >/dev/null || die "The tag $version is there already."
last=$(git tag --list '[0-9]*.[0-9]*.[0-9]*' | sort --version-sort | tail -n 1)
[[ $(printf '%s\n' "$last" "$version" | sort --version-sort | tail -n 1) == "$version" ]] || die "The last release was $last, so $version would be a step back."
compgen -G 'changelogs/fragments/*.y*ml' >/dev/null || die 'No change has a fragment in changelogs/fragments. Write at least a release_summary.'

sed -i "s/^version: .*/version: $version/" galaxy.yml
antsibull-changelog release --version "$version"
git add galaxy.yml CHANGELOG.md changelogs
git commit --quiet --message "Release $version"
git tag --annotate --message "Release $version" "$version"
make --no-print-directory tarball
printf 'release: tagged. Publish it with: git push origin HEAD %s\n' "$version"
