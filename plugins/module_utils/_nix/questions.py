# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What is asked about a file of effects, in Nix: which effects there are, on which refs they run, and what is in their networks."""

from __future__ import annotations

# How the candidate is called: by an agent, or by a file that imports it, which has the flake if there is one.
CALL = 'call candidate { src = repository ref; }'
IMPORT = 'call candidate { inherit pkgs; inherit (pkgs) effects; src = repository ref; self = builtins.getFlake flake; }'
# Visits what an agent visits (hercules-ci-agent-worker: Evaluate.hs), except that prebuilt networks are left to prebuild.
QUESTIONS = r"""
  checkout = %(checkout)s;
  # Of a flake Nix itself takes only what Git tracks.
  flake = %(flake)s;
  # Prebuilding reads network files from all of the checkout, deploying from src alone. So does this; what only prebuilding reads may lie
  # anywhere. The way up from the store to the checkout is longer than any path.
  deployed = functions: functions // builtins.mapAttrs (name: _: arguments: withDeployed name functions.${name} (fromSource arguments))
    (builtins.intersectAttrs nixopsOf functions);
  # The functions that run NixOps, and which one.
  nixopsOf = %(nixops)s;
  # What only prebuilding reads is not deployed. So which machines there are, and where NixOps 2 has its state, is asked without it. Nothing
  # else is: without it, a network may not have all that building takes. NixOps 2 gives a network the arguments that are in its state, so it
  # is asked both with those of the prebuild and without any.
  withDeployed = name: function: arguments:
    let
      effect = function arguments;
      info = more: (function (arguments // without // more)).prebuilt.machineInfo or null;
      without = { prebuildOnlyNetworkFiles = [ ]; } // (if nixopsOf.${name} != 2 then { } else {
        prebuildOnlyModules = [ ];
        forgetState = true;  # else nothing would be known of a network that does not say where its state is
      });
      hasStubs = arguments.prebuildOnlyNetworkFiles or [ ] != [ ] || arguments.prebuildOnlyModules or [ ] != [ ];
      hasArguments = arguments.prebuildNetworkArgs or { } != { };
      more =
        (if hasStubs then { deployedInfo = info { }; } else { })
        // (if hasArguments && !needsArguments arguments then { bareInfo = info { prebuildNetworkArgs = { }; }; } else { })
        # What files for deploying alone take is not known.
        // (if arguments.deployOnlyNetworkFiles or [ ] != [ ] then { } else { takes = argumentsOf arguments; });
    in
    if !(effect ? prebuilt) then effect else effect // { prebuilt = effect.prebuilt // more; };
  # Whether a network of NixOps 2 cannot do without arguments.
  needsArguments = arguments: builtins.elem false (builtins.attrValues (argumentsOf arguments));
  # The arguments that a network takes, each with whether it has a default.
  argumentsOf = arguments:
    let
      source = arguments.src.origSrc or arguments.src;
      networks =
        if arguments.flake or null != null then [ arguments.flake.nixopsConfigurations.default ]
        else map (file: import (source + "/${file}")) (arguments.networkFiles or [ "network.nix" ]);
    in
    builtins.foldl'
      (taken: network: taken // builtins.mapAttrs (name: hasDefault: hasDefault && taken.${name} or true) (builtins.functionArgs network))
      { }
      (builtins.filter builtins.isFunction networks);
  fromSource = arguments:
    let
      source = arguments.src or { };
      folder = toString source.origSrc;
    in
    if !(source ? origSrc && source ? filter) || folder == checkout then arguments
    else arguments // {
      src.outPath = builtins.path {
        name = "effect-source-" + builtins.substring 0 32 (builtins.hashString "sha256" folder);
        path = source.origSrc;
        inherit (source) filter;
      };
      prebuildOnlyNetworkFiles = map
        (file: builtins.concatStringsSep "" (builtins.genList (_: "../") 32) + "${folder}/${file}")
        (arguments.prebuildOnlyNetworkFiles or [ ]);
    };
  repository = ref:
    let
      short = prefix: let found = builtins.match "refs/${prefix}/(.*)" ref; in if found == null then null else builtins.head found;
    in
    rec {
      inherit ref;
      branch = short "heads";
      tag = short "tags";
      rev = %(rev)s;
      shortRev = builtins.substring 0 7 rev;
      outPath = checkout;
    } // %(facts)s;
  call = function: arguments:
    if !builtins.isFunction function then function
    else if builtins.functionArgs function == { } then throw "the file is a function whose arguments have no names"
    else function (builtins.intersectAttrs (builtins.functionArgs function) arguments);
  apply = function: arguments: if builtins.isFunction function then function arguments else function;
  root = ref: %(root)s;
  isHerculesCI = ref: if %(form)s == "any" then root ref ? herculesCI else %(form)s == "herculesCI";
  # One entry a job: its outputs, and the path to them as the agent names it.
  jobs = ref:
    if !isHerculesCI ref then [ { job = "default"; path = ""; outputs = root ref; } ]
    else
      let
        record = repository ref;
        herculesCI = apply (root ref).herculesCI (record // { primaryRepo = record; inherit herculesCI; });
        of = kind: map
          (job: { inherit job; path = "${kind}.${job}.effects."; outputs = (apply herculesCI.${kind}.${job}.outputs { }).effects or { }; })
          (builtins.filter (job: herculesCI.${kind}.${job}.enable or true) (builtins.attrNames (herculesCI.${kind} or { })));
      in
      of "onPush" ++ of "onSchedule";
  within = ref: name: builtins.addErrorContext "while evaluating the effect ${builtins.toJSON name} on ${ref}";
  isDerivation = value: value.type or null == "derivation";
  # In the legacy form sets want to be visited, as runIf's do.
  isVisited = ref: value: builtins.isAttrs value && (%(form)s == "effects" || isHerculesCI ref || value.recurseForDerivations or false);
  # Effects below a value, by the names that lead there. What runIf leaves for branches where an effect does not run is none.
  effects = ref: names: value:
    let
      name = builtins.concatStringsSep "." names;
    in
    if names == [ ] then
      builtins.concatMap (child: effects ref [ child ] value.${child}) (if builtins.isAttrs value then builtins.attrNames value else [ ])
    else within ref name (effectsIn ref names name value);
  effectsIn = ref: names: name: value:
    if !(builtins.isAttrs value) then [ ]
    else if isDerivation value then
      if value.isEffect or false
      then [ { inherit name; path = name; runs = true; effect = value; prebuilds = value ? prebuilt; } ]
      else [ ]
    else if !(isVisited ref value) || builtins.length names > 9 then [ ]
    else if value ? run && isDerivation value.run then
      if value.run.isEffect or false
      then [ { inherit name; path = "${name}.run"; runs = true; effect = value.run; prebuilds = value ? prebuilt; } ]
      else [ ]
    else if value ? dependencies then [ { inherit name; path = "${name}.dependencies"; runs = false; effect = { }; } ]
    else builtins.concatMap (child: effects ref (names ++ [ child ]) value.${child}) (builtins.attrNames value);
  # As Hercules CI has it of each attribute of a job.
  derivationOf = value: builtins.unsafeDiscardStringContext value.drvPath;
  # What it says of itself; attributes of a derivation are what its scripts read.
  attributesOf = effect: builtins.intersectAttrs
    { NIXOPS_DEPLOYMENT = null; action = null; deployOnlyNetworkFiles = null; knownHostsName = null; stateName = null; }
    (effect.drvAttrs or { });
  # Its shell code, and the packages for that.
  scriptsOf = attributes: builtins.listToAttrs (builtins.concatMap
    (name:
      if builtins.match "(pre|post)[A-Z].*|.*(Script|Phase)" name != null && builtins.isString attributes.${name}
      then [ { inherit name; value = builtins.unsafeDiscardStringContext attributes.${name}; } ]
      else [ ])
    (builtins.attrNames attributes));
  inputsOf = attributes: map (input: builtins.unsafeDiscardStringContext (toString input)) (
    let inputs = attributes.nativeBuildInputs or [ ]; in if builtins.isList inputs then inputs else [ inputs ]);
  describe = ref: builtins.concatMap
    ({ job, path, outputs }: map
      (found: within ref found.name (
        let
          # What is needed to run it; the prebuilt network may need a build, and src was looked at already.
          needed = builtins.toJSON (removeAttrs (found.effect.drvAttrs or { }) [ "prebuilt" "src" ]);
        in
        builtins.seq needed {
          inherit job;
          inherit (found) name runs;
          path = "${path}${found.path}";
          attributes = attributesOf found.effect;
          secrets = builtins.fromJSON (found.effect.secretsMap or "{}");
          scripts = scriptsOf (found.effect.drvAttrs or { });
          inputs = inputsOf (found.effect.drvAttrs or { });
          # Of an effect with something prebuilt it is that which is compared.
          derivation = if found.runs && !found.prebuilds then derivationOf found.effect else null;
        }
      ))
      (effects ref [ ] outputs))
    (jobs ref);
  # Each machine by itself, for errors to name it.
  eachMachine = nodes: builtins.foldl'
    (done: name: builtins.seq
      (builtins.addErrorContext "while evaluating the machine ${builtins.toJSON name}"
        (builtins.seq (nodes.${name}.config.system.build.toplevel.drvPath or null) null))
      done)
    null
    (builtins.attrNames nodes);
  prebuilt = detail: ref: job: name: builtins.concatMap
    (found:
      let
        outputs = if found.outputs ? ${name} then found.outputs.${name} else { };
        effect = outputs.run or (if isDerivation outputs then outputs else { });
        runs = effect != { };
        describeNetwork = more: network (outputs.prebuilt // { inherit detail; } // more);
      in
      # A file that is deployed as it is needs no building.
      within ref name (if found.job != job || !(builtins.isAttrs (outputs.prebuilt or null)) then [ ] else [
        # Its path is wanted inside of the context, for only then everything is evaluated there.
        (within ref name (builtins.seq (eachMachine (outputs.prebuilt.nodes or { })) (builtins.seq outputs.prebuilt.drvPath ({
          inherit ref job name runs;
          path = found.path + name + (if outputs ? run then ".run" else if runs then "" else ".dependencies");
          attributes = attributesOf effect;
          secrets = builtins.fromJSON (effect.secretsMap or "{}");
          network = describeNetwork { };
          system =
            if outputs.prebuilt ? machineInfo then null
            else known (builtins.unsafeDiscardStringContext outputs.prebuilt.outPath);
          derivation = if outputs.prebuilt ? machineInfo then null else derivationOf outputs.prebuilt;
        } // (if outputs.prebuilt ? bareInfo then { bare = describeNetwork { deployedInfo = outputs.prebuilt.bareInfo; }; } else { })))))
      ]))
    (jobs ref);
  # What NixOps' eval-machine-info.nix (of 1.7 and of 2.x) says. Null stands for what is not known.
  known = value: let tried = builtins.tryEval value; in if tried.success then tried.value else null;
  network = { detail, machineInfo ? null, deployedInfo ? null, takes ? null, ... }:
    let
      info = machineInfo;
      own = if deployedInfo == null then info else deployedInfo;
      machines = builtins.mapAttrs
        (name: _: if !(info.nodes ? ${name}) then { type = null; system = null; accessKey = null; } else (
          let inherit (info.nodes.${name}) config; in
          {
            type = if detail == "names" then null else known config.deployment.targetEnv;
            system = if detail == "names" then null else known (builtins.unsafeDiscardStringContext config.system.build.toplevel.outPath);
            accessKey = if detail == "all" then known (config.deployment.ec2.accessKeyId or null) else null;
          }
        ))
        own.nodes;
      # To look at every kind that NixOps has takes longer than all the rest: those that the network defines, and that NixOps adds.
      defined = builtins.foldl' (a: b: a // b) { } (own.network.resources or [ ]);
      added = builtins.foldl' (kinds: name: kinds // addedKinds.${toString machines.${name}.type} or { }) { } (builtins.attrNames machines);
      kinds = defined // added;
    in
    if info == null || detail == "nothing" then { inherit detail; }
    else {
      inherit detail machines;
      takes = if takes == null then null else builtins.attrNames takes;
      storage = known (let value = own.info.network.storage or { }; in builtins.deepSeq value value);
      lock = known (let value = own.info.network.lock or { }; in builtins.deepSeq value value);
      resources =
        if detail != "all" || kinds == { } then { }
        else
          builtins.mapAttrs (kind: builtins.mapAttrs (name: _: { accessKey = known (info.resources.${kind}.${name}.accessKeyId or null); }))
            (builtins.intersectAttrs kinds own.resources);
    };
  # By the type of machines that have them.
  addedKinds = {
    gce.gceImages = null;
    azure = {
      azureBlobContainers = null;
      azureBlobs = null;
      azureResourceGroups = null;
      azureStorages = null;
      azureVirtualNetworks = null;
    };
  };
"""
