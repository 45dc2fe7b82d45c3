# What the machines get from AWS, made up: enough to build them, never deployed.
let
  stub = { ... }: {
    networking.privateIPv4 = "192.0.2.1";
    fileSystems."/" = { device = "/dev/xvda"; };
    boot.loader.grub.enable = false;
  };
in
{
  app1 = stub;
  app2 = stub;
}
