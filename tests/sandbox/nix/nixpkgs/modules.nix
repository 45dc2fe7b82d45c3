# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A small module system: modules are merged as NixOS merges them, and options that nothing declares are refused with its words.
{ lib }:

{
  modules,
  # Arguments that imports may depend on.
  specialArgs ? { },
  # Where in an enclosing configuration this one is.
  prefix ? [ ],
  # Whether something may be defined that nothing declares: a function of its path. This stand-in declares few of NixOS' options.
  open ? _: false,
  ...
}:

let
  inherit (builtins)
    attrNames
    concatMap
    foldl'
    head
    isAttrs
    isFunction
    length
    mapAttrs
    ;
  inherit (lib.merging)
    byName
    effective
    mergeFreely
    mergeTyped
    showDefinitions
    showPath
    typeOf
    ;

  control = {
    options._module = {
      args = lib.mkOption { default = { }; type = lib.types.lazyAttrsOf lib.types.raw; };
      check = lib.mkOption { default = true; type = lib.types.bool; };
      freeformType = lib.mkOption { default = null; type = lib.types.nullOr lib.types.raw; };
    };
    config._module.args = lib.mapAttrs (_: lib.mkOptionDefault) { inherit extendModules; };
  };
  extendModules =
    more:
    lib.evalModules {
      modules = modules ++ more.modules or [ ];
      specialArgs = specialArgs // more.specialArgs or { };
      inherit prefix open;
    };

  # A module's file, options, config and imports, in one form. A file counts once, however often it is imported.
  normalise =
    parent: number: module:
    let
      isFile = builtins.isPath module || builtins.isString module;
      loaded = if isFile then import module else module;
      value = if isFunction loaded then call loaded else loaded;
      file = toString (value._file or (if isFile then module else parent.file));
      structured = value ? config || value ? options;
      stray = removeAttrs value (unstructured ++ [ "config" "meta" "options" ]);
    in
    rec {
      key = if isFile then toString module else "${parent.key}:anon-${toString number}";
      content =
        if !isAttrs value then
          throw "Module `${file}' is a ${builtins.typeOf value}, and not a set or a function."
        else if structured && stray != { } then
          throw "Module `${file}' has an unsupported attribute `${head (attrNames stray)}'. This is caused by introducing a top-level `config' or `options' attribute. Add configuration attributes immediately on the top level instead, or move all of them (namely: ${toString (attrNames stray)}) into the explicit `config' attribute."
        else
          {
            inherit file;
            options = value.options or { };
            config = lib.mkMerge (
              [ (if structured then value.config or { } else removeAttrs value unstructured) ]
              ++ lib.optional (value ? freeformType) { _module = { inherit (value) freeformType; }; }
            );
            imports = lib.imap1 (normalise { inherit file key; }) (value.require or [ ] ++ value.imports or [ ]);
          };
    };
  unstructured = [
    "_class"
    "_file"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
    "require"
  ];

  # An argument that nobody passes is an error only for a module that uses it.
  call =
    f:
    f (
      mapAttrs (
        name: _:
        scope.${name}
          or (config._module.args.${name} or (throw "attribute '${name}' missing: modules are passed no such argument"))
      ) (lib.functionArgs f)
      // scope
    );
  scope = { inherit lib prefix; } // specialArgs // { inherit config; inherit (whole) options; };

  # As in NixOS, what a module imports is defined before what it defines itself.
  all = map (module: module.content) (
    lib.reverseList (
      builtins.genericClosure {
        startSet = lib.imap1 (normalise { file = "<unknown-file>"; key = ""; }) ([ control ] ++ modules);
        operator = module: module.content.imports;
      }
    )
  );

  # mkIf and mkMerge of a whole set move down to its parts, so that conditions may look at the configuration.
  push =
    value:
    if typeOf value == "merge" then
      concatMap push value.contents
    else if typeOf value == "if" then
      map (mapAttrs (_: lib.mkIf value.condition)) (push value.content)
    else if typeOf value == "override" then
      map (mapAttrs (_: lib.mkOverride value.priority)) (push value.content)
    else
      [ value ];
  pushed = concatMap (definition: map (value: definition // { inherit value; }) (push definition.value));

  isPreset =
    value:
    (typeOf value == "override" && value.priority >= 1500) || (typeOf value == "if" && isPreset value.content);

  # Of one level: the values of declared options, and definitions that no option takes.
  level =
    path: declarations: definitions:
    let
      declared = byName declarations;
      defined = byName (
        map (
          definition:
          if isAttrs definition.value then
            definition
          else
            throw "The option `${showPath (prefix ++ path)}' is not a set:${showDefinitions [ definition ]}"
        ) (pushed definitions)
      );
      parts = mapAttrs (
        key: found:
        let
          here = path ++ [ key ];
          isOption = lib.any (declaration: typeOf declaration.value == "option") found;
        in
        if isOption then
          { stray = [ ]; } // optionAt here found (defined.${key} or [ ])
        else
          { isGiven = true; } // level here found (defined.${key} or [ ])
      ) declared;
      undeclared = removeAttrs defined (attrNames declared);
      # Most options of most machines are defined nowhere: those are not looked at.
      stray =
        concatMap (key: parts.${key}.stray) (attrNames (builtins.intersectAttrs defined declared))
        ++ lib.mapAttrsToList (key: found: { path = path ++ [ key ]; definitions = found; }) (
          lib.filterAttrs (key: _: !open (path ++ [ key ])) undeclared
        );
      free = mapAttrs (key: mergeFreely (prefix ++ path ++ [ key ])) (lib.filterAttrs (key: _: open (path ++ [ key ])) undeclared);
    in
    {
      inherit stray;
      value = mapAttrs (_: part: part.value) parts // free;
      options = mapAttrs (_: part: part.options) parts;
      # What modules defined, without the defaults of options.
      given = mapAttrs (_: part: part.given) (lib.filterAttrs (key: part: defined ? ${key} && part.isGiven) parts) // free;
    };

  optionAt =
    path: found: definitions:
    let
      where = prefix ++ path;
      option =
        if length found == 1 then
          (head found).value
        else if lib.all (declaration: declaration.value.type.name or null == "submodule") found then
          (head found).value
        else
          throw "The option `${showPath where}' in `${(builtins.elemAt found 1).file}' is already declared in `${(head found).file}'.";
      type = option.type or lib.types.unspecified;
      default = lib.optional (option ? default) {
        inherit (head found) file;
        value = lib.mkOptionDefault option.default;
      };
      left = effective (definitions ++ default);
      merged =
        if option.readOnly or false && length definitions > 1 then
          throw "The option `${showPath where}' is read-only, but it's set multiple times.${showDefinitions definitions}"
        else if left != [ ] then
          mergeTyped where type left
        else if type ? emptyValue.value then
          type.emptyValue.value
        else
          throw "The option `${showPath where}' is used but not defined.";
      value = (option.apply or lib.id) merged;
    in
    {
      inherit value;
      given = value;
      # Presets that depend on something are definitions of the least weight.
      isGiven = lib.any (definition: !isPreset definition.value && effective [ definition ] != [ ]) definitions;
      options = option // {
        inherit definitions value;
        highestPrio = foldl' (best: definition: lib.min best (definition.priority or 100)) 9999 left;
        isDefined = left != [ ];
        loc = where;
        __toString = _: showPath where;
      };
    };

  whole = level [ ] (map (module: { inherit (module) file; value = module.options; }) all) (
    map (module: { inherit (module) file; value = module.config; }) all
  );

  # What is passed to modules is not checked, for the check looks at all of them.
  freeform = whole.value._module.freeformType;
  config =
    if freeform == null then
      whole.value
    else
      lib.recursiveUpdate (mergeTyped prefix freeform (
        concatMap (item: map (found: found // { value = lib.setAttrByPath item.path found.value; }) item.definitions) whole.stray
      )) whole.value;
  checked =
    if freeform == null && whole.stray != [ ] && whole.value._module.check then
      throw "The option `${showPath (prefix ++ (head whole.stray).path)}' does not exist. Definition values:${showDefinitions (head whole.stray).definitions}"
    else
      lib.id;
in
{
  inherit extendModules;
  inherit (whole) options;
  inherit (whole.value) _module;
  _type = "configuration";
  config = checked (removeAttrs config [ "_module" ]);
  definitions = checked (removeAttrs whole.given [ "_module" ]);
}
