# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Deploys a site to Netlify.
{ pkgs, lib, effects }:

{
  content,
  secretName ? throw "effects.netlify: You must provide `secretName`, the name of the secret which holds the \"${secretField}\" field.",
  secretField ? "token",
  siteId,
  productionDeployment ? false,
  secretsMap ? { },
  extraDeployArgs ? [ ],
  ...
}@arguments:
effects.mkEffect (
  arguments
  // {
    buildInputs = [ effects.netlifySetupHook ];
    inputs = [ pkgs.netlify-cli ];
    secretsMap = { netlify = secretName; } // secretsMap;
    netlifySecretField = secretField;
    NETLIFY_SITE_ID = siteId;
    effectScript = ''
      readSecretString netlify ."$netlifySecretField" >/dev/null
      echo stand-in: netlify deploy ${
        lib.escapeShellArgs ([ "--dir=${content}" ] ++ lib.optional productionDeployment "--prod" ++ extraDeployArgs)
      }
    '';
  }
)
