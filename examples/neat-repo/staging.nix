let
  machine = host: { ... }: {
    deployment.targetHost = host;
    fileSystems."/" = { device = "/dev/sda1"; };
    boot.loader.grub.enable = false;
  };
in
{
  network.description = "Staging";
  web1 = machine "web1.example.net";
  web2 = machine "web2.example.net";
  db1 = machine "db1.example.net";
}
