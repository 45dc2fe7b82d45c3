# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Activates systems with Cachix Deploy.
{ pkgs, lib, effects }:

let
  default = pkgs.cachix;
in
{
  deploy ? throw "effects.runCachixDeploy: you must provide either a deploy or deployJsonFile argument.",
  deployJsonFile ? pkgs.writeText "cachix-deploy.json" (builtins.toJSON deploy),
  cachix ? default,
  async ? false,
  ...
}@arguments:
if arguments ? deploy && arguments ? deployJsonFile then
  throw "effects.runCachixDeploy: you must set either `deploy` or `deployJsonFile`."
else
  effects.mkEffect (
    removeAttrs arguments [
      "cachix"
      "deploy"
    ]
    // {
      name = "cachix-deploy-effect";
      inputs = [ cachix ] ++ arguments.inputs or [ ];
      secretsMap = { activate = "default-cachix-activate"; } // arguments.secretsMap or { };
      userSetupScript = ''
        export CACHIX_ACTIVATE_TOKEN="$(readSecretString activate .cachixActivateToken)"
      '';
      effectScript =
        arguments.effectScript or "echo stand-in: cachix deploy activate ${deployJsonFile} ${lib.optionalString async "--async"}";
      passthru =
        { inherit cachix; prebuilt = deployJsonFile; }
        // builtins.intersectAttrs { deploy = null; } arguments
        // arguments.passthru or { };
      dontUnpack = arguments.dontUnpack or true;
    }
  )
