# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Properties, declarations and types of NixOS modules: what a type accepts, and how it merges definitions.
{ lib }:

let
  quoted = import ./quoted.nix;
  inherit (builtins)
    all
    concatLists
    concatStringsSep
    elem
    foldl'
    head
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isString
    length
    sort
    tail
    ;

  properties = rec {
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkForce = mkOverride 50;
    mkVMOverride = mkOverride 10;
    mkDefault = mkOverride 1000;
    mkOptionDefault = mkOverride 1500;
    mkOrder = priority: content: { _type = "order"; inherit priority content; };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkOption = declaration: declaration // { _type = "option"; };
    mkEnableOption = name: mkOption { default = false; type = types.bool; description = "Whether to enable ${toString name}."; };
  };

  typeOf = value: value._type or null;
  name = concatStringsSep ".";
  show =
    value:
    if isAttrs value then
      (if lib.isDerivation value then "<derivation ${value.name}>" else "{ ... }")
    else if isFunction value then
      "<function>"
    else if isList value then
      "[ ... ]"
    else
      builtins.toJSON value;
  showDefinitions =
    definitions:
    concatStringsSep "" (map (definition: "\n       - In `${definition.file}': ${show definition.value}") definitions);
  values = map (definition: definition.value);
  conflict =
    path: definitions:
    throw "The option `${name path}' has conflicting definition values:${showDefinitions definitions}\nUse `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions.";

  # Definitions of one value, without conditions that do not hold and without overridden ones, in their order.
  discharge =
    definition:
    if typeOf definition.value == "merge" then
      builtins.concatMap (value: discharge (definition // { inherit value; })) definition.value.contents
    else if typeOf definition.value == "if" then
      (
        if !isBool definition.value.condition then
          throw "${quoted "mkIf"} called with a non-Boolean condition"
        else if definition.value.condition then
          discharge (definition // { value = definition.value.content; })
        else
          [ ]
      )
    else if typeOf definition.value == "override" then
      map (inner: inner // { inherit (definition.value) priority; }) (
        discharge (definition // { value = definition.value.content; })
      )
    else if typeOf definition.value == "order" then
      map (inner: inner // { order = definition.value.priority; }) (
        discharge (definition // { value = definition.value.content; })
      )
    else
      [ definition ];
  strongest =
    definitions:
    let
      priority = definition: definition.priority or 100;
      best = foldl' (found: definition: lib.min found (priority definition)) 9999 definitions;
      kept = builtins.filter (definition: priority definition == best) definitions;
      order = definition: definition.order or 1000;
    in
    if lib.any (definition: definition ? order) kept then sort (a: b: order a < order b) kept else kept;
  effective = definitions: strongest (builtins.concatMap discharge definitions);

  # Ways to merge, each a function of the path and the definitions that are left.
  mergeOne =
    path: definitions:
    if length definitions == 1 then
      (head definitions).value
    else
      throw "The option `${name path}' is defined multiple times while it's expected to be unique.\n\nDefinition values:${showDefinitions definitions}";
  mergeEqual =
    path: definitions:
    let
      first = (head definitions).value;
    in
    if all (definition: definition.value == first) (tail definitions) then first else conflict path definitions;
  # Whatever it is: lists are joined, sets laid upon each other.
  mergeLoosely =
    path: definitions:
    let
      found = values definitions;
    in
    if length found == 1 then
      head found
    else if all isFunction found && !lib.any isAttrs found then
      argument: mergeLoosely path (map (definition: definition // { value = definition.value argument; }) definitions)
    else if all isList found then
      concatLists found
    else if all isAttrs found then
      foldl' (a: b: a // b) { } found
    else if all isBool found then
      lib.any lib.id found
    else if all isString found then
      builtins.concatStringsSep "" found
    else
      mergeEqual path definitions;

  # Sets that are merged, and not packages, sources, options or properties.
  isPlain = value: isAttrs value && typeOf value == null && !lib.isDerivation value && !(value ? outPath);
  byName =
    definitions:
    builtins.zipAttrsWith (_: found: found) (
      map (definition: builtins.mapAttrs (_: value: definition // { inherit value; }) definition.value) definitions
    );
  # As where no option is declared: sets all the way down, lists joined, everything else equal.
  mergeFreely =
    path: definitions:
    let
      left = effective definitions;
      found = values left;
    in
    if length left == 1 && !isPlain (head found) then
      head found
    else if all isPlain found then
      builtins.mapAttrs (key: mergeFreely (path ++ [ key ])) (byName left)
    else if all isList found then
      concatLists found
    else
      mergeEqual path left;

  mkType =
    {
      name,
      description ? name,
      check ? _: true,
      merge ? mergeEqual,
      ...
    }@type:
    type // { _type = "option-type"; inherit name description check merge; };
  simple = name: description: check: mkType { inherit name description check; };

  # The value of a declared type; what it does not accept is an error.
  mergeTyped =
    path: type: definitions:
    let
      bad = builtins.filter (definition: !type.check definition.value) definitions;
    in
    if bad != [ ] then
      throw "A definition for option `${name path}' is not of type `${type.description}'. Definition values:${showDefinitions bad}"
    else
      type.merge path definitions;

  isPathLike = value: (isString value || builtins.isPath value || value ? outPath || value ? __toString) && builtins.substring 0 1 (toString value) == "/";
  between = low: high: simple "int" "integer between ${toString low} and ${toString high} (both inclusive)" (
    value: isInt value && value >= low && value <= high
  );
  unsignedOf =
    bits: high:
    let
      description = "${toString bits} bit unsigned integer; between 0 and ${toString high} (both inclusive)";
    in
    between 0 high // { inherit description; };
  element =
    path: type: definitions:
    let
      left = effective definitions;
    in
    map (definition: mergeTyped path type [ definition ]) left;
  attributesOf =
    isLazy: type:
    mkType {
      name = if isLazy then "lazyAttrsOf" else "attrsOf";
      description = "${lib.optionalString isLazy "lazy "}attribute set of ${type.description}";
      emptyValue.value = { };
      check = isAttrs;
      merge =
        path: definitions:
        let
          named = byName definitions;
          present = lib.filterAttrs (_: found: isLazy || effective found != [ ]) named;
        in
        builtins.mapAttrs (key: found: mergeTyped (path ++ [ key ]) type (effective found)) present;
    };

  types = rec {
    raw = mkType { name = "raw"; description = "raw value"; merge = mergeOne; };
    unspecified = mkType { name = "unspecified"; merge = mergeLoosely; };
    anything = mkType { name = "anything"; merge = mergeFreely; };
    attrs = mkType { name = "attrs"; description = "attribute set"; check = isAttrs; merge = _: found: foldl' (a: b: a // b) { } (values found); };
    bool = simple "bool" "boolean" isBool;
    int = simple "int" "signed integer" isInt;
    float = simple "float" "floating point number" isFloat;
    number = simple "number" "signed integer or floating point number" (value: isInt value || isFloat value);
    str = simple "str" "string" isString;
    string = mkType { name = "string"; check = isString; merge = _: found: builtins.concatStringsSep "" (values found); };
    singleLineStr = str;
    nonEmptyStr = simple "nonEmptyStr" "non-empty string" (value: isString value && builtins.match "[ \t\n]*" value == null);
    strMatching = pattern: simple "strMatching" "string matching the pattern ${pattern}" (value: isString value && builtins.match pattern value != null);
    separatedString = separator: mkType {
      name = "separatedString";
      description = if separator == "" then "Concatenated string" else "strings concatenated with ${builtins.toJSON separator}";
      check = isString;
      merge = _: found: concatStringsSep separator (values found);
    };
    lines = separatedString "\n";
    commas = separatedString ",";
    envVar = separatedString ":";
    path = simple "path" "path" isPathLike;
    package = mkType {
      name = "package";
      check = value: lib.isDerivation value || (isPathLike value && lib.hasPrefix builtins.storeDir (toString value));
      merge = mergeOne;
    };
    shellPackage = package;
    port = ints.u16;
    ints = {
      inherit between;
      positive = simple "positiveInt" "positive integer, meaning >0" (value: isInt value && value > 0);
      unsigned = simple "unsignedInt" "unsigned integer, meaning >=0" (value: isInt value && value >= 0);
      u8 = unsignedOf 8 255;
      u16 = unsignedOf 16 65535;
      u32 = unsignedOf 32 4294967295;
    };
    enum = choices: simple "enum" "one of ${concatStringsSep ", " (map show choices)}" (value: elem value choices);
    nullOr = type: mkType {
      name = "nullOr";
      emptyValue.value = null;
      description = "null or ${type.description}";
      check = value: value == null || type.check value;
      merge =
        path: definitions:
        if all (definition: definition.value == null) definitions then
          null
        else if lib.any (definition: definition.value == null) definitions then
          throw "The option `${name path}' is defined both null and not null.${showDefinitions definitions}"
        else
          type.merge path definitions;
    };
    listOf = type: mkType {
      name = "listOf";
      emptyValue.value = [ ];
      description = "list of ${type.description}";
      check = isList;
      merge =
        path: definitions:
        concatLists (
          lib.imap1 (
            definitionNumber: definition:
            concatLists (
              lib.imap1 (
                number: value:
                element (path ++ [ "\"[definition ${toString definitionNumber}-entry ${toString number}]\"" ]) type [
                  (definition // { inherit value; })
                ]
              ) definition.value
            )
          ) definitions
        );
    };
    nonEmptyListOf = listOf;
    attrsOf = attributesOf false;
    lazyAttrsOf = attributesOf true;
    loaOf = attrsOf;
    either = a: b: mkType {
      name = "either";
      description = "${a.description} or ${b.description}";
      check = value: a.check value || b.check value;
      merge =
        path: definitions:
        if all (definition: a.check definition.value) definitions then
          a.merge path definitions
        else if all (definition: b.check definition.value) definitions then
          b.merge path definitions
        else
          mergeOne path definitions;
    };
    oneOf = found: foldl' either (head found) (tail found);
    uniq = type: type // { merge = path: definitions: mergeOne path definitions; };
    unique = _: uniq;
    functionTo = type: mkType {
      name = "functionTo";
      description = "function that evaluates to a(n) ${type.description}";
      check = isFunction;
      merge = path: definitions: argument: mergeTyped path type (map (definition: definition // { value = definition.value argument; }) definitions);
    };
    addCheck = type: check: type // { check = value: type.check value && check value; };
    coercedTo = from: change: to: to // {
      check = value: (from.check value && to.check (change value)) || to.check value;
      merge = path: definitions: to.merge path (
        map (definition: definition // { value = if from.check definition.value then change definition.value else definition.value; }) definitions
      );
    };
    submodule = modules: submoduleWith { modules = if isList modules then modules else [ modules ]; };
    submoduleWith =
      { modules, specialArgs ? { }, ... }:
      mkType {
        name = "submodule";
        check = value: isAttrs value || isFunction value || builtins.isPath value;
        merge =
          path: definitions:
          (lib.evalModules {
            prefix = path;
            inherit specialArgs;
            modules =
              [ { _module.args.name = lib.last path; } ]
              ++ modules
              ++ map (
                definition:
                { _file = definition.file; } // (if isAttrs definition.value then { config = definition.value; } else { imports = [ definition.value ]; })
              ) definitions;
          }).config;
      };
    optionType = raw;
    deferredModule = mkType { name = "deferredModule"; description = "module"; merge = _: definitions: { imports = values definitions; }; };
  };
in
properties
// {
  inherit types;
  mkOptionType = mkType;
  inherit mergeEqual mergeOne;
  mergeEqualOption = mergeEqual;
  mergeOneOption = mergeOne;
  mergeDefaultOption = mergeLoosely;
  # For modules.nix.
  merging = { inherit byName effective isPlain mergeFreely mergeTyped showDefinitions typeOf; showPath = name; };
}
