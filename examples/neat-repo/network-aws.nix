let
  ec2 = { config, resources, ... }: {
    deployment.targetEnv = "ec2";
    deployment.ec2.region = "eu-west-1";
    deployment.ec2.keyPair = resources.ec2KeyPairs.kp;
    # Only a deployment knows it; until there is one, network-stub.nix makes it up.
    networking.extraHosts = "${config.networking.privateIPv4} self";
  };
in
{
  resources.ec2KeyPairs.kp = { region = "eu-west-1"; };
  app1 = ec2;
  app2 = ec2;
}
