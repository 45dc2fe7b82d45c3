# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Actions and the flags of "nixops deploy" that stand for them.
{
  switch = "";
  dry-run = "--dry-run";
  plan = "--plan-only";
  build = "--build-only";
  create = "--create-only";
  copy = "--copy-only";
  dry-activate = "--dry-activate";
  test = "--test";
  boot = "--boot";
}
