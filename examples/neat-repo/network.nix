let
  webserver = { pkgs, ... }: {
    services.nginx.enable = true;
    networking.firewall.allowedTCPPorts = [ 80 ];
  };
in
{
  network.description = "Neat network";
  app1 = webserver;
  app2 = webserver;
}
