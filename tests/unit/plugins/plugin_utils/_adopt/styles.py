# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ci.nix as people write it, in many ways.

NIXPKGS, EFFECTS, OLD and NEW stand for calls of fetchTarball, URL and LIBRARY for addresses of nixpkgs and the library, PKGS for nixpkgs
with the library.
"""

from __future__ import annotations

WEB = '{ networking.hostName = "web"; fileSystems."/".device = "/dev/vda1"; boot.loader.grub.enable = false; }\n'
PKGS = 'import (NIXPKGS) { system = "x86_64-linux"; overlays = [ (import ((EFFECTS) + "/overlay.nix")) ]; }'
ALONE = 'pkgs.effects.runIf (src.ref == "refs/heads/a") (pkgs.effects.runNixOps { name = "a"; src = pkgs.lib.cleanSource ./.; })'

# Six effects of four functions, as in the guide of the library.
GUIDE = '''{ src ? { ref = null; } }:
let
  pkgs = import nixpkgs { system = "x86_64-linux"; overlays = [ (import "${effectsSrc}/overlay.nix") ]; };
  nixpkgs = builtins.NIXPKGS;
  effectsSrc = builtins.EFFECTS;
  inherit (pkgs.effects) runNixOps runIf runNixOS runNixOps2 mkEffect;
  inherit (pkgs) lib;
in
{
  neat-network = runIf (src.ref == "refs/heads/production") (runNixOps {
    name = "foo";
    src = lib.cleanSource ./.;
    networkFiles = [ "network.nix" "network-aws.nix" ];
    prebuildOnlyNetworkFiles = [ "network-stub.nix" ];
    networkArgs = { size = "large"; };
    secretsMap = { "aws" = "neat-aws"; };
    userSetupScript = "writeAWSSecret aws default";
    inputs = [ pkgs.awscli2 ];
  });
  staging = runIf (builtins.elem src.ref [ "refs/heads/staging" "refs/heads/main" ]) (runNixOps {
    name = "staging"; src = ./.; networkFiles = [ "network.nix" ]; stateName = "old-staging.json"; STAGE = "x";
  });
  two = runIf (src.ref == "refs/heads/production") (runNixOps2 {
    name = "two"; src = lib.cleanSource ./.; networkFiles = [ "nixops.nix" ];
    nixops = pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-aws ps.nixops-hercules-ci ]);
  });
  web = runIf (src.ref == "refs/heads/production") (runNixOS {
    ssh.destination = "root@web"; configuration = ./web.nix; secretsMap.ssh = "s";
    userSetupScript = "writeSSHKey ssh; echo web >>~/.ssh/known_hosts";
  });
  mail = runIf (src.ref == "refs/heads/production") (runNixOS {
    ssh = { destination = "root@mail"; sshOptions = "-p 2222"; }; configuration = ./web.nix; secretsMap.ssh = "s";
    userSetupScript = "writeSSHKey ssh; echo mail >>~/.ssh/known_hosts";
  });
  note = runIf true (mkEffect { name = "note"; effectScript = "echo {{ hello }}\\n"; inputs = [ pkgs.hello ]; });
}
'''

# By style: the files.
PROVEN: dict[str, dict[str, str]] = {
    'guide': {'ci.nix': GUIDE, 'web.nix': WEB},
    'with': {'ci.nix': '{ src ? { ref = null; }, pkgs ? PKGS }: with pkgs; with effects; {\n  x = runIf (src.ref == "refs/heads/x") '
                       '(runNixOps { name = "x"; src = lib.cleanSource ./.; }); }'},
    'a list of branches': {'ci.nix': '''{ src ? { ref = null; } }:
let
  pkgs = PKGS;
  branches = [ "production" "staging" "qa" ];
  deploy = branch: {
    name = "deploy-${branch}";
    value = pkgs.effects.runIf (src.ref or null == "refs/heads/${branch}") (pkgs.effects.runNixOps {
      name = "net-${branch}"; src = pkgs.lib.cleanSource ./.; networkArgs.size = branch; networkFiles = [ "network.nix" ];
    });
  };
in
builtins.listToAttrs (map deploy branches)
'''},
    'jobs': {'ci.nix': '''let pkgs = PKGS; in {
  herculesCI = { ref, branch, primaryRepo, ... }: {
    onPush.default.outputs = { ... }: {
      effects = {
        prod.web = pkgs.effects.runIf (branch == "production") (pkgs.effects.runNixOps { name = "web"; src = pkgs.lib.cleanSource ./.; });
      } // pkgs.lib.optionalAttrs (ref == "refs/heads/main") {
        plain = pkgs.effects.runNixOps { name = "plain"; src = pkgs.lib.cleanSource ./.; };
      };
    };
    onPush.other.outputs = _: {
      effects.tagged = pkgs.effects.runIf (primaryRepo.tag != null) (pkgs.effects.mkEffect { effectScript = "echo tag"; });
    };
    onSchedule.nightly = {
      when.hour = [ 3 ];
      when.minute = 30;
      outputs = { ... }: { effects.update = pkgs.effects.flakeUpdate { gitRemote = primaryRepo.remoteHttpUrl; user = "x"; }; };
    };
  };
}
'''},
    'no overlay': {'ci.nix': '''{ src ? { } }:
let
  pkgs = import (NIXPKGS) { system = "x86_64-linux"; };
  inherit (import (EFFECTS) { inherit pkgs; }) hci-effects;
in
{ a = hci-effects.runIf (src.branch or null == "main") (hci-effects.runNixOps { name = "a"; src = pkgs.lib.cleanSource ./.; }); }
'''},
    'several files': {
        'nix/ci.nix': '{ src ? { ref = null; } }: import ./deploy.nix { inherit src; pkgs = import ./pkgs.nix; }\n',
        'nix/pkgs.nix': PKGS,
        'nix/deploy.nix': '{ src, pkgs }: let when = pkgs.effects.runIf (src.ref == "refs/heads/live"); in { live = when (\n  pkgs.effects'
                          '.runNixOps { name = "live"; src = pkgs.lib.cleanSource ../.; networkFiles = [ "network.nix" ]; }); }\n'},
    'npins': {
        'ci.nix': '''{ src ? { ref = null; } }:
let
  sources = import ./npins;
  pkgs = import sources.nixpkgs {
    system = "x86_64-linux"; config.allowUnfree = true; overlays = [ (import "${sources.hercules-ci-effects}/overlay.nix") ]; };
in { a = %s; }
''' % ALONE,
        'npins/default.nix': '{ nixpkgs.outPath = builtins.NIXPKGS; hercules-ci-effects.outPath = builtins.EFFECTS; }\n'},
    'niv': {
        'ci.nix': '{ src ? { ref = null; }, sources ? import ./nix/sources.nix, pkgs ? import sources.nixpkgs { system = "x86_64-linux"; '
                  'overlays = [ (import (sources.effects + "/overlay.nix")) ]; } }: { a = %s; }\n' % ALONE,
        'nix/sources.nix': '{ nixpkgs.outPath = builtins.NIXPKGS; effects.outPath = builtins.EFFECTS; __functor = _: _: { }; }\n'},
    'arguments by branch': {'ci.nix': '''{ src ? { ref = null; } }: let pkgs = PKGS; production = src.ref == "refs/heads/production"; in {
  net = pkgs.effects.runIf (production || src.ref == "refs/heads/staging") (pkgs.effects.runNixOps {
    name = if production then "prod" else "stage"; src = pkgs.lib.cleanSource ./.; });
}
'''},
    'all but one': {'ci.nix': '''{ src ? { ref = "x"; }, system ? "x86_64-linux", ... }:
let pkgs = PKGS; inherit (pkgs.effects) runIf runNixOps; in {
  recurseForDerivations = true;
  group = pkgs.lib.recurseIntoAttrs { a = runIf (src.ref != "refs/heads/a") (runNixOps { name = "a"; src = pkgs.lib.cleanSource ./.; }); };
}
'''},
    'branches alone': {'ci.nix': '{ src ? { branch = null; } }: let pkgs = PKGS; in { a = pkgs.effects.runIf (src.branch != null) '
                                 '(pkgs.effects.runNixOps { name = "a"; src = pkgs.lib.cleanSource ./.; }); }\n'},
    'no argument': {'ci.nix': 'let pkgs = PKGS; in { always = pkgs.effects.runNixOps { name = "always"; src = pkgs.lib.cleanSource ./.; '
                              'priorCheckScript = ""; effectCheckScript = ""; }; }\n'},
    'the beginning of a name': {'ci.nix': '''{ src ? { ref = ""; } }:
let pkgs = PKGS; inherit (pkgs) lib; in {
  release = pkgs.effects.runIf (lib.hasPrefix "refs/heads/release-" (toString src.ref)) (
    pkgs.effects.runNixOps { name = "a"; src = lib.cleanSource ./.; });
  queue = pkgs.effects.runIf (lib.hasPrefix "refs/heads/queue/main/" (toString src.ref)) (
    pkgs.effects.runNixOps { name = "b"; src = lib.cleanSource ./.; });
  beta = pkgs.effects.runIf (lib.hasPrefix "refs/heads/beta" (toString src.ref)) (
    pkgs.effects.runNixOps { name = "c"; src = lib.cleanSource ./.; });
}
'''},
    'no hash': {'ci.nix': '''{ src ? { ref = null; } }:
let pkgs = import (builtins.fetchTarball "URL") { system = "x86_64-linux"; overlays = [ (import ((EFFECTS) + "/overlay.nix")) ]; };
in { a = %s; }
''' % ALONE},
    'only there': {'ci.nix': '''{ src ? { ref = null; } }:
let pkgs = PKGS; in
if src.ref == "refs/heads/live" then { a = pkgs.effects.runNixOps { name = "a"; src = pkgs.lib.cleanSource ./.; }; } else { }
'''},
    'flake': {'flake.nix': '''{
  inputs.nixpkgs = { url = "URL"; flake = false; };
  inputs.library = { url = "LIBRARY"; flake = false; };
  outputs = inputs@{ self, ... }:
    let pkgs = import inputs.nixpkgs { system = "x86_64-linux"; overlays = [ (import (inputs.library + "/overlay.nix")) ]; }; in {
      herculesCI = { branch, ... }: {
        onPush.default.outputs.effects.a = pkgs.effects.runIf (branch == "live") (pkgs.effects.runNixOps {
          name = "a"; src = pkgs.lib.cleanSource ./.; networkFiles = [ "network.nix" ]; });
      };
    };
}
'''},
    'the output effects': {'flake.nix': '''{
  inputs.nixpkgs = { url = "URL"; flake = false; };
  inputs.library = { url = "LIBRARY"; flake = false; };
  outputs = { self, nixpkgs, library }:
    let inherit (import library { pkgs = import nixpkgs { system = "x86_64-linux"; }; }) effects; in {
      effects = { branch, ... }: {
        a = effects.runIf (branch == "live") (effects.mkEffect { effectScript = "echo"; name = "x"; });
      };
    };
}
'''},
    'default.nix': {'default.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { a = %s; }\n' % ALONE},
    'an old NixOps': {'ci.nix': '''{ src ? { ref = null; } }:
let
  old = import (OLD) { system = "x86_64-linux"; config.permittedInsecurePackages = [ "python-2.7.18.6" ]; };
  pkgs = import (NEW) {
    system = "x86_64-linux"; overlays = [ (import ((EFFECTS) + "/overlay.nix")) (self: super: { inherit (old) nixops; }) ]; };
in { a = %s; }
''' % ALONE},
}

# What cannot be had from an inventory, and what is said of it: in the file that asks, and by the proof.
REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    'a build': ({'ci.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { hello = pkgs.hello; a = %s; }\n' % ALONE},
                '', 'The file also has a build, which the inventory does not declare. Where: CHECKOUT/ci.nix: hello on'),
    'the commit in a script': (
        {'ci.nix': '{ src ? { ref = null; rev = ""; } }: let pkgs = PKGS; in { a = pkgs.effects.runNixOps { name = "a"; '
                   'src = pkgs.lib.cleanSource ./.; userSetupScript = "echo ${src.rev}"; }; }\n'},
        '# The file has text with src.rev in it.', 'userSetupScript'),
    'a package of its own': (
        {'ci.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { a = pkgs.effects.runNixOps { name = "a"; '
                   'src = pkgs.lib.cleanSource ./.; inputs = [ (pkgs.mkPackage "own") ]; }; }\n'},
        'the package own, which nixpkgs does not have', 'nativeBuildInputs'),
    'a path of the store': (
        {'ci.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { a = pkgs.effects.runNixOps { name = "a"; '
                   'src = pkgs.lib.cleanSource ./.; preEffect = "${pkgs.hello}/bin/hello"; }; }\n'},
        'text with paths of the store in it as preEffect', 'no preEffect'),
    'changed afterwards': (
        {'ci.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { a = (pkgs.effects.runNixOps { name = "a"; '
                   'src = pkgs.lib.cleanSource ./.; }).overrideAttrs (old: { more = "x"; }); }\n'},
        'an effect that no function of the library made as it is', ''),
    'never': ({'ci.nix': '{ }: let pkgs = PKGS; in { a = pkgs.effects.runIf false (pkgs.effects.runNixOps { name = "a"; '
                         'src = pkgs.lib.cleanSource ./.; }); }\n'},
              '# It did not run on any ref that was tried.', 'it names no ref'),
    'packages in a list': (
        {'ci.nix': '{ src ? { ref = null; } }: let pkgs = PKGS; in { a = pkgs.effects.runNixOps { name = "a"; '
                   'src = pkgs.lib.cleanSource ./.; inputs = [ [ pkgs.hello ] ]; }; }\n'},
        '# The file has something else.', 'nativeBuildInputs'),
}
