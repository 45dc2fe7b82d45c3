# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The properties and declarations of NixOS modules.
rec {
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  mkForce = mkOverride 50;
  mkDefault = mkOverride 1000;
  mkBefore = content: content;
  mkAfter = content: content;
  mkOption = declaration: declaration // { _type = "option"; };
  mkEnableOption = name: mkOption { default = false; description = "Whether to enable ${name}."; };

  types =
    let
      named = name: { inherit name; };
      of = name: _: { inherit name; };
    in
    builtins.listToAttrs (
      map (name: { inherit name; value = named name; }) [
        "attrs"
        "anything"
        "bool"
        "float"
        "int"
        "lines"
        "package"
        "path"
        "port"
        "raw"
        "str"
        "string"
        "unspecified"
      ]
      ++ map (name: { inherit name; value = of name; }) [
        "attrsOf"
        "enum"
        "lazyAttrsOf"
        "listOf"
        "nullOr"
        "submodule"
      ]
    )
    // {
      either = _: _: named "either";
    };
}
