{
  networking.hostName = "wiki";
  fileSystems."/" = { device = "/dev/vda1"; };
  boot.loader.grub.enable = false;
}
