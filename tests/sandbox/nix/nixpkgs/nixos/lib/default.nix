# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Tests in virtual machines, which nothing here can run: they are only asked for what they need.
{ lib, ... }:

{
  runTest =
    module:
    let
      test = lib.evalModules {
        modules = [
          module
          {
            options = {
              name = lib.mkOption { type = lib.types.str; };
              nodes = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; default = { }; };
              testScript = lib.mkOption { type = lib.types.raw; };
              hostPkgs = lib.mkOption { type = lib.types.raw; };
            };
          }
        ];
        open = _: true;
      };
    in
    test.config.hostPkgs.mkDerivation {
      name = "vm-test-run-${test.config.name}";
      script = builtins.seq test.config.testScript "";
    };
}
