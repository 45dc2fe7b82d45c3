# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Which Nixpkgs this stand-in plays. The pins of other releases are made by replacing this file.
{
  version = "23.05";
  nixops = true;
  insecure = [ ];
}
