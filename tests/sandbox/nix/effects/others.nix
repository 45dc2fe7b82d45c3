# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The other effects of the library. They ask for what the real ones ask; running one only tells what it would do.
{ pkgs, lib, effects, parameters }:

let
  announce = text: ''
    echo ${lib.escapeShellArg "stand-in: ${text}"}
  '';

  # Required parameters, then those that may be passed.
  effect =
    function: required: optional: make: arguments:
    let
      missing = builtins.filter (name: !(arguments ? ${name})) required;
      specific = builtins.filter (name: !builtins.elem name parameters.effect) (required ++ optional);
    in
    if missing != [ ] then
      throw "effects.${function}: called without required argument '${builtins.head missing}'"
    else
      parameters.check function (required ++ optional) arguments (
        effects.mkEffect ({ dontUnpack = true; } // removeAttrs arguments specific // make arguments)
      );

  overSSH =
    function: kind: required:
    effect function ([ "ssh" ] ++ required) [
      "buildOnDestination"
      "config"
      "configuration"
      "nix-darwin"
      "nixpkgs"
      "pkgs"
      "profile"
      "system"
    ] (
      arguments:
      if !(arguments ? configuration) && !(arguments ? config) then
        throw "effects.${function}: you must provide a configuration"
      else
        {
          name = "${kind}-${arguments.ssh.destination}";
          inputs = [ pkgs.openssh ];
          effectScript = announce "switch ${arguments.ssh.destination} over SSH";
        }
    );

  module =
    function: name: required: settings:
    let
      missing = builtins.filter (path: !lib.hasAttrByPath path settings) required;
      core = [
        "effectScript"
        "env"
        "extraAttributes"
        "getStateScript"
        "git"
        "imports"
        "inputs"
        "mounts"
        "name"
        "putStateScript"
        "secretsMap"
        "src"
        "userSetupScript"
        "contents"
        "destination"
        "message"
        "allowExecutableFiles"
      ];
      unknown = builtins.filter (key: !builtins.elem key core) (builtins.attrNames settings);
    in
    if unknown != [ ] then
      throw "The option `${builtins.head unknown}' does not exist. Definition values:\n- In `${function} invocation parameters module'"
    else if missing != [ ] then
      throw "The option `${builtins.concatStringsSep "." (builtins.head missing)}' is used but not defined."
    else
      effects.mkEffect (
        removeAttrs settings [
          "allowExecutableFiles"
          "contents"
          "destination"
          "env"
          "extraAttributes"
          "git"
          "imports"
          "message"
          "mounts"
        ]
        // {
          name = settings.name or name;
          dontUnpack = !(settings ? src);
          effectScript = settings.effectScript or (announce "${function} at ${settings.git.checkout.remote.url or "no remote"}");
        }
        // settings.env or { }
      );
in
{
  runNixOS = overSSH "runNixOS" "nixos" [ ];
  runNixDarwin = overSSH "runNixDarwin" "nix-darwin" [ ];

  runCachixDeploy = effect "runCachixDeploy" [ ] [ "async" "cachix" "deploy" "deployJsonFile" ] (
    arguments:
    if (arguments ? deploy) == (arguments ? deployJsonFile) then
      throw "effects.runCachixDeploy: you must set either `deploy` or `deployJsonFile`."
    else
      {
        name = "cachix-deploy-effect";
        inputs = [ pkgs.cachix ] ++ arguments.inputs or [ ];
        secretsMap = { activate = "default-cachix-activate"; } // arguments.secretsMap or { };
        userSetupScript = ''
          export CACHIX_ACTIVATE_TOKEN="$(readSecretString activate .cachixActivateToken)"
        '';
        effectScript = announce "activate with Cachix Deploy";
      }
  );

  runArion = effect "runArion" [ "name" ] [ "directory" "hostNixStorePrefix" "modules" "pkgs" "uid" ] (
    arguments:
    if !(arguments ? directory) && !(arguments ? modules) then
      throw "effects.runArion: you must provide a directory or modules"
    else
      {
        name = "arion-${arguments.name}";
        inputs = [ pkgs.arion pkgs.docker ];
        effectScript = announce "arion up ${arguments.name}";
      }
  );

  netlifyDeploy =
    effect "netlifyDeploy" [ "content" "siteId" "secretName" ] [ "extraDeployArgs" "productionDeployment" "secretField" ]
      (arguments: {
        name = "netlify-deploy";
        inputs = [ pkgs.netlify-cli ];
        secretsMap = { netlify = arguments.secretName; } // arguments.secretsMap or { };
        NETLIFY_SITE_ID = arguments.siteId;
        effectScript = ''
          readSecretString netlify .${arguments.secretField or "token"} >/dev/null
        '' + announce "netlify deploy to ${arguments.siteId}";
      });

  runPutUrl = effect "runPutUrl" [ "name" "url" "file" ] [ ] (arguments: {
    name = "put-url-${arguments.name}";
    effectScript = announce "PUT ${arguments.url}";
  });

  gitWriteBranch =
    settings:
    module "gitWriteBranch" "write-branch" [
      [ "git" "checkout" "remote" "url" ]
      [ "git" "checkout" "forgeType" ]
      [ "git" "update" "branch" ]
      [ "contents" ]
    ] ({ secretsMap.token = { type = "GitToken"; }; } // settings);

  modularEffect = module "modularEffect" "modular" [ ];

  flakeUpdate =
    {
      gitRemote,
      tokenSecret ? { type = "GitToken"; },
      user ? "git",
      updateBranch ? "flake-update",
      forgeType ? "github",
      createPullRequest ? true,
      autoMergeMethod ? null,
      pullRequestTitle ? "flake.lock: Update",
      pullRequestBody ? null,
      baseMergeBranch ? null,
      baseMergeMethod ? "merge",
      flakes ? { "." = { }; },
      inputs ? [ ],
      commitSummary ? "",
      module ? { },
      nix ? pkgs.nix,
    }:
    effects.mkEffect {
      name = "flake-update";
      secretsMap.token = tokenSecret;
      inputs = [ nix ];
      effectScript = announce "update ${builtins.concatStringsSep ", " (builtins.attrNames flakes)} of ${gitRemote}";
    };
}
