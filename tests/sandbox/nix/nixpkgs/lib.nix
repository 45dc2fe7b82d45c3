# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The part of Nixpkgs' library that ci.nix files and networks use.
{ version }:

let
  inherit (builtins)
    attrNames
    concatMap
    elem
    elemAt
    filter
    foldl'
    functionArgs
    genList
    head
    intersectAttrs
    isAttrs
    isFunction
    isString
    length
    listToAttrs
    mapAttrs
    match
    removeAttrs
    replaceStrings
    stringLength
    substring
    tail
    ;

  lib = rec {
    inherit (builtins)
      add
      all
      any
      attrNames
      attrValues
      baseNameOf
      catAttrs
      compareVersions
      concatLists
      concatMap
      concatStringsSep
      deepSeq
      elem
      elemAt
      filter
      foldl'
      fromJSON
      functionArgs
      genList
      groupBy
      hasAttr
      head
      intersectAttrs
      isAttrs
      isBool
      isFloat
      isFunction
      isInt
      isList
      isString
      length
      lessThan
      listToAttrs
      mapAttrs
      match
      partition
      pathExists
      readDir
      readFile
      removeAttrs
      replaceStrings
      seq
      sort
      splitVersion
      stringLength
      substring
      tail
      toJSON
      toString
      trace
      typeOf
      zipAttrsWith
      ;
    inherit version;
    trivial = { inherit version; release = version; };
    inherit (import ./types.nix { inherit lib; })
      merging
      mergeDefaultOption
      mergeEqualOption
      mergeOneOption
      mkAfter
      mkBefore
      mkDefault
      mkEnableOption
      mkForce
      mkIf
      mkMerge
      mkOption
      mkOptionDefault
      mkOptionType
      mkOrder
      mkOverride
      mkVMOverride
      types
      ;
    evalModules = import ./modules.nix { inherit lib; };
    setDefaultModuleLocation = file: module: { _file = file; imports = [ module ]; };
    # Options that went away, or got other names: the first must not be set, the second set the others.
    mkRemovedOptionModule =
      path: instead:
      { options, ... }:
      {
        options = setAttrByPath path (mkOption { apply = _: throw "The option `${showPath path}' can no longer be used since it's been removed. ${instead}"; });
        config.assertions = [
          {
            assertion = !(getAttrFromPath path options).isDefined;
            message = "The option definition `${showPath path}' no longer has any effect; please remove it.\n${instead}";
          }
        ];
      };
    mkRenamedOptionModule =
      from: to:
      { config, options, ... }:
      {
        options = setAttrByPath from (mkOption { apply = _: getAttrFromPath to config; });
        config = setAttrByPath to (
          let
            old = getAttrFromPath from options;
          in
          mkIf old.isDefined (mkMerge (map (definition: definition.value) old.definitions))
        );
      };
    showPath = builtins.concatStringsSep ".";
    licenses = mapAttrs (shortName: free: { inherit free shortName; }) {
      asl20 = true;
      bsd3 = true;
      gpl2Only = true;
      gpl3Only = true;
      gpl3Plus = true;
      mit = true;
      mpl20 = true;
      unfree = false;
      unfreeRedistributable = false;
    };
    literalExpression = text: { _type = "literalExpression"; inherit text; };
    literalMD = text: { _type = "literalMD"; inherit text; };
    literalExample = literalExpression;
    mdDoc = id;
    modules = lib;
    options = lib;
    customisation = lib;
    versions = lib;
    strings = lib;
    attrsets = lib;
    lists = lib;
    sources = lib;

    id = x: x;
    const = x: _: x;
    flip = f: a: b: f b a;
    pipe = foldl' (value: f: f value);
    fix = f: let x = f x; in x;
    warn = message: value: builtins.trace "warning: ${message}" value;
    warnIf = condition: message: if condition then warn message else id;
    throwIf = condition: message: if condition then throw message else id;
    throwIfNot = condition: throwIf (!condition);
    assertMsg = condition: message: condition || throw message;

    min = a: b: if a < b then a else b;
    max = a: b: if a > b then a else b;
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";

    nameValuePair = name: value: { inherit name value; };
    genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    filterAttrs = keep: set: removeAttrs set (filter (name: !keep name set.${name}) (attrNames set));
    recursiveUpdate =
      a: b:
      a
      // mapAttrs (
        name: value:
        if isAttrs value && isAttrs (a.${name} or null) && !isDerivation value then recursiveUpdate a.${name} value else value
      ) b;
    attrByPath =
      path: default: set:
      if path == [ ] then
        set
      else if isAttrs set && set ? ${head path} then
        attrByPath (tail path) default set.${head path}
      else
        default;
    hasAttrByPath = path: set: path == [ ] || (isAttrs set && set ? ${head path} && hasAttrByPath (tail path) set.${head path});
    getAttrFromPath = path: attrByPath path (throw "cannot find attribute `${builtins.concatStringsSep "." path}'");
    setAttrByPath = path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
    attrVals = names: set: map (name: set.${name}) names;
    getAttrs = names: intersectAttrs (genAttrs names id);
    zipAttrs = builtins.zipAttrsWith (_: values: values);
    isDerivation = value: value.type or null == "derivation";
    recurseIntoAttrs = set: set // { recurseForDerivations = true; };
    dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

    singleton = value: [ value ];
    reverseList = list: genList (n: elemAt list (length list - n - 1)) (length list);
    last = list: elemAt list (length list - 1);
    init = list: genList (elemAt list) (length list - 1);
    range = first: end: if first > end then [ ] else genList (n: first + n) (end - first + 1);
    flatten = value: if builtins.isList value then concatMap flatten value else [ value ];
    foldr = f: start: list: if list == [ ] then start else f (head list) (foldr f start (tail list));
    fold = foldr;
    forEach = list: f: map f list;
    imap0 = f: list: genList (n: f n (elemAt list n)) (length list);
    imap1 = f: imap0 (n: f (n + 1));
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
    subtractLists = remove: filter (value: !elem value remove);
    findFirst = test: default: list: let found = filter test list; in if found == [ ] then default else head found;

    concatMapStrings = f: list: builtins.concatStringsSep "" (map f list);
    concatMapStringsSep = separator: f: list: builtins.concatStringsSep separator (map f list);
    concatStrings = builtins.concatStringsSep "";
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix = suffix: text: let n = stringLength text - stringLength suffix; in n >= 0 && substring n (-1) text == suffix;
    hasInfix = infix: text: length (splitString infix text) > 1;
    removePrefix = prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
    removeSuffix =
      suffix: text: if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    splitString = separator: text: filter isString (builtins.split (escapeRegex separator) text);
    escapeRegex = replaceStrings (characters "\\.*+?()[{^$|") (map (c: "\\" + c) (characters "\\.*+?()[{^$|"));
    characters = text: genList (n: substring n 1 text) (stringLength text);
    stringToCharacters = characters;
    escapeShellArg = value: "'${replaceStrings [ "'" ] [ "'\\''" ] (builtins.toString value)}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    toLower = replaceStrings (characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (characters "abcdefghijklmnopqrstuvwxyz");
    toUpper = replaceStrings (characters "abcdefghijklmnopqrstuvwxyz") (characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    boolToString = value: if value then "true" else "false";
    fileContents = file: removeSuffix "\n" (builtins.readFile file);
    importJSON = file: builtins.fromJSON (builtins.readFile file);
    versionAtLeast = a: b: builtins.compareVersions a b >= 0;
    versionOlder = a: b: builtins.compareVersions a b < 0;
    toInt = text: if match "-?[0-9]+" text != null then builtins.fromJSON text else throw "Could not convert ${text} to int.";
    sanitizeDerivationName =
      name: builtins.concatStringsSep "-" (filter (part: isString part && part != "") (builtins.split "[^A-Za-z0-9+._?=-]+" name));

    callPackageWith =
      scope: file: overrides:
      let
        f = if isFunction file then file else import file;
      in
      f (intersectAttrs (functionArgs f) scope // overrides);
    makeOverridable =
      f: arguments:
      let
        result = f arguments;
        override = change: makeOverridable f (arguments // (if isFunction change then change arguments else change));
      in
      if isAttrs result then result // { inherit override; } else result;
    getExe = package: "${package}/bin/${package.meta.mainProgram or package.name}";
    getBin = id;
    makeBinPath = concatMapStringsSep ":" (package: "${package}/bin");
    addContextFrom = source: text: substring 0 0 source + text;
    scrubOptionValue = id;

    # Like Nixpkgs', the result keeps the unfiltered source as origSrc.
    cleanSourceWith =
      {
        src,
        filter ? _: _: true,
        name ? "source",
      }:
      {
        origSrc = src.origSrc or src;
        inherit filter name;
        outPath = builtins.path {
          inherit name filter;
          path = src.origSrc or src;
        };
        _isLibCleanSourceWith = true;
      };
    cleanSourceFilter =
      path: type:
      let
        name = baseNameOf path;
      in
      !(
        (type == "directory" && elem name [ ".git" ".svn" ".hg" "CVS" ])
        || match ".*~|.*\\.(o|so|swp)" name != null
        || (type == "symlink" && match "result.*" name != null)
      );
    cleanSource = src: cleanSourceWith { inherit src; filter = cleanSourceFilter; };
  };
in
lib
