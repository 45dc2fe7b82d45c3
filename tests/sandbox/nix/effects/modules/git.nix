# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Git, and whom it names as the author of commits.
{ pkgs, ... }:
{
  config = {
    inputs = [ pkgs.git ];
    env = {
      EMAIL = "hercules-ci[bot]@users.noreply.github.com";
      GIT_AUTHOR_NAME = "Hercules CI Effects";
      GIT_COMMITTER_NAME = "Hercules CI Effects";
      PAGER = "cat";
    };
  };
}
