#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Fills a file with the disk of a Debian 12 machine:  unshare --mount disk.sh FILE BASE RELEASE ROOM
# BASE: the folder of base.sh, which stays as it is. RELEASE: the kernel's. ROOM: a folder with
# modules/ that the machine may want, packages that will be in /srv/test there, and disk/, to work in.
# What it mounts is gone with its mount namespace.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
disk=$1 base=$2 release=$3 room=$4
home=srv/test

mount -t tmpfs tmpfs "$room/disk"
mkdir "$room"/disk/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$base,upperdir=$room/disk/upper,workdir=$room/disk/work" "$room/disk/root"
cd "$room/disk/root"

# Nothing there reads them, and man-db would make its index of them at each installation.
rm -rf usr/share/man usr/share/doc usr/share/locale usr/share/zoneinfo var/lib/man-db/auto-update
# What has nothing to do here, and would take the emulated processor's time.
for name in e2scrub_reap.service getty.target timers.target proc-sys-fs-binfmt_misc.automount systemd-binfmt.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-sysusers.service systemd-random-seed.service \
  systemd-pstore.service modprobe@.service kmod-static-nodes.service {sys-kernel-debug,sys-kernel-tracing}.mount \
  {sys-kernel-config,sys-fs-fuse-connections,dev-hugepages,dev-mqueue}.mount; do
  ln -s /dev/null "etc/systemd/system/$name"
done
mkdir etc/systemd/system/systemd-udev-trigger.service.d
printf '[Service]\nExecStart=\nExecStart=-udevadm trigger --type=devices --subsystem-match=net --action=add\n' \
  >etc/systemd/system/systemd-udev-trigger.service.d/net.conf
rm -rf var/log/journal # kept in memory then
# Not the first boot of its kind, at which systemd would enable what nobody asked for.
echo 0123456789abcdef0123456789abcdef >etc/machine-id
echo router >etc/hostname
install -D -m 644 -t "lib/modules/$release" "$room"/modules/*.ko
touch "lib/modules/$release"/modules.{order,builtin,builtin.modinfo}
depmod -b . "$release"
# An initramfs has loaded them by then.
echo virtio_pci >etc/modules-load.d/cable.conf
echo virtio_net >>etc/modules-load.d/cable.conf

printf '[Match]\nName=eth0\n[Network]\nAddress=172.16.240.1/24\nIPv6AcceptRA=no\n' >etc/systemd/network/eth0.network
install -m 644 "$here/guest.service" etc/systemd/system
mkdir -p etc/systemd/system/{sysinit,multi-user}.target.wants
ln -s ../guest.service etc/systemd/system/sysinit.target.wants
ln -s /lib/systemd/system/systemd-networkd.service etc/systemd/system/multi-user.target.wants

install -D -m 644 -t "$home" "$here/guest.py" "$here"/../netns/{bpfcalls,lab,network,talk}.py
chroot . python3 -m compileall -q --invalidation-mode unchecked-hash "$home"
cp "$room"/*.deb "$home"
mke2fs -q -t ext4 -O ^has_journal -m 0 -d . "$disk" 500M
