# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# A small module system: modules are merged as NixOS merges them, options that nothing declares are refused with
# NixOS' words. Below the names in `open` everything is accepted, for this stand-in declares few of NixOS' options.
{ lib }:

{
  modules,
  arguments,
  # Names of top-level options below which nothing is checked; null: all.
  open ? [ ],
}:

let
  inherit (builtins)
    attrNames
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    head
    isAttrs
    isFunction
    isList
    length
    map
    mapAttrs
    tail
    ;

  typeOf = value: value._type or null;
  # A set to merge, not a package, a source or a property.
  isPlain = value: isAttrs value && typeOf value == null && !lib.isDerivation value && !(value ? outPath);

  # A module's file, options and config, and those of its imports, in one form.
  normalise =
    file: module:
    let
      isFile = builtins.isPath module || builtins.isString module;
      loaded = if isFile then import module else module;
      value = if isFunction loaded then call loaded else loaded;
      where = value._file or (if isFile then toString module else file);
    in
    [
      {
        file = where;
        options = value.options or { };
        config =
          if value ? config || value ? options then
            value.config or { }
          else
            removeAttrs value [
              "_file"
              "imports"
              "key"
              "require"
            ];
      }
    ]
    ++ concatMap (normalise where) (value.imports or [ ] ++ value.require or [ ]);

  # An argument that nobody passes is an error only for a module that uses it.
  call =
    f:
    f (
      mapAttrs (name: _: throw "attribute '${name}' missing: modules are passed no such argument") (
        lib.filterAttrs (_: hasDefault: !hasDefault) (lib.functionArgs f)
      )
      // scope
    );
  scope = arguments // { inherit config lib options; };

  all = concatMap (normalise "<unknown-file>") modules;

  # mkIf and mkMerge of a whole module move down to its parts, so that conditions may look at the configuration.
  push =
    value:
    if typeOf value == "merge" then
      concatMap push value.contents
    else if typeOf value == "if" then
      map (mapAttrs (_: content: lib.mkIf value.condition content)) (push value.content)
    else
      [ value ];

  # Definitions of one value, without conditions that do not hold and without overridden ones.
  discharge =
    definition:
    if typeOf definition.value == "merge" then
      concatMap (value: discharge (definition // { inherit value; })) definition.value.contents
    else if typeOf definition.value == "if" then
      (if definition.value.condition then discharge (definition // { value = definition.value.content; }) else [ ])
    else if typeOf definition.value == "override" then
      map (inner: inner // { inherit (definition.value) priority; }) (
        discharge (definition // { value = definition.value.content; })
      )
    else
      [ definition ];
  strongest =
    definitions:
    let
      priorities = map (definition: definition.priority or 100) definitions;
      best = foldl' (a: b: if b < a then b else a) 9999 priorities;
    in
    filter (definition: (definition.priority or 100) == best) definitions;

  name = path: concatStringsSep "." path;
  show =
    value:
    if isAttrs value then
      "{ ... }"
    else if isFunction value then
      "<function>"
    else
      builtins.toJSON value;
  showDefinitions = concatMapLines (definition: "\n       - In `${definition.file}': ${show definition.value}");
  concatMapLines = f: list: concatStringsSep "" (map f list);

  mergeValues =
    path: definitions:
    let
      values = map (definition: definition.value) definitions;
    in
    if length definitions == 1 && !isPlain (head values) then
      head values
    else if lib.all isPlain values then
      mergeFree path definitions
    else if lib.all isList values then
      concatLists values
    else if lib.all (value: value == head values) (tail values) then
      head values
    else
      throw "The option `${name path}' has conflicting definition values:${showDefinitions definitions}\nUse `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions.";

  merge = path: definitions: mergeValues path (strongest (concatMap discharge definitions));

  byName =
    definitions:
    builtins.zipAttrsWith (_: values: values) (
      map (definition: mapAttrs (_: value: definition // { inherit value; }) definition.value) definitions
    );
  mergeFree = path: definitions: mapAttrs (key: merge (path ++ [ key ])) (byName definitions);

  # Values of declared options; what nobody declared is an error.
  mergeDeclared =
    path: declared: definitions:
    let
      defined = byName definitions;
      unknown = filter (key: !(declared ? ${key}) && !(path == [ ] && (open == null || elem key open))) (attrNames defined);
      value =
        key:
        let
          here = path ++ [ key ];
          option = declared.${key};
          given = strongest (concatMap discharge (defined.${key} or [ ]));
        in
        if !(declared ? ${key}) then
          merge here defined.${key}
        else if typeOf option == "option" then
          (
            if given != [ ] then
              (option.apply or lib.id) (mergeValues here given)
            else if option ? default then
              (option.apply or lib.id) option.default
            else
              throw "The option `${name here}' is used but not defined."
          )
        else
          mergeDeclared here option given;
    in
    if unknown != [ ] then
      throw "The option `${name (path ++ [ (head unknown) ])}' does not exist. Definition values:${
        showDefinitions defined.${head unknown}
      }"
    else
      lib.genAttrs (attrNames (declared // defined)) value;

  options = foldl' lib.recursiveUpdate { } (map (module: module.options) all);
  allDefinitions = concatMap (module: map (value: { inherit (module) file; inherit value; }) (push module.config)) all;
  config = mergeDeclared [ ] options allDefinitions;
in
{
  inherit config options;
  # What modules defined, without the defaults of options.
  definitions = mergeFree [ ] allDefinitions;
}
