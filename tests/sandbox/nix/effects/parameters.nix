# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Checks that callers pass what the functions document. The real library hands unknown parameters on to the derivation,
# where nobody reads them; here they are errors, save for names of environment variables.
{ lib }:

let
  hook = name: [
    "pre${name}"
    "post${name}"
  ];
in
rec {
  # Parameters of mkEffect, which every effect function takes as well.
  effect =
    [
      "dontUnpack"
      "effectCheckScript"
      "effectScript"
      "getStateScript"
      "initScript"
      "inputs"
      "meta"
      "name"
      "passthru"
      "patches"
      "prebuilt"
      "priorCheckScript"
      "putStateScript"
      "secretsMap"
      "src"
      "userSetupScript"
    ]
    ++ builtins.concatMap hook [
      "Init"
      "GetState"
      "UserSetup"
      "PriorCheck"
      "Effect"
      "PutState"
      "EffectCheck"
    ];

  check =
    function: own: arguments: result:
    let
      isVariable = name: builtins.match "[A-Z_][A-Z0-9_]*" name != null;
      known = own ++ effect;
      unknown = builtins.filter (name: !builtins.elem name known && !isVariable name) (builtins.attrNames arguments);
      isLineList = value: builtins.isList value && lib.all builtins.isString value;
      bad = builtins.filter (name: arguments ? ${name} && arguments.${name} != null && !isLineList arguments.${name}) [
        "networkFiles"
        "prebuildOnlyNetworkFiles"
        "deployOnlyNetworkFiles"
        "extraDeployArgs"
      ];
    in
    if unknown != [ ] then
      throw "${function}: called with unexpected argument '${builtins.head unknown}'"
    else if bad != [ ] && !(function != "runNixOps" && builtins.head bad == "prebuildOnlyNetworkFiles") then
      throw "${function}: ${builtins.head bad} must be a list of strings"
    else if !builtins.isAttrs (arguments.secretsMap or { }) then
      throw "${function}: secretsMap must be an attribute set"
    else
      result;
}
