#!/bin/sh
# The first process of a machine for tests: machine.sh ROOT ENVOY, in namespaces of its own. What is installed
# there is this machine's, under a layer in memory that is gone with it; of its units there are none but targets.
set -eu

root=$1 envoy=$2
mount --make-rprivate /
mount -t tmpfs -o size=1g tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/merged"
mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" overlay "$root/merged"
cd "$root/merged"

mount -t proc proc proc
mount --bind -o ro /proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=0755 tmpfs $folder; done
chmod 1777 tmp
for device in null zero full random urandom tty; do
	touch dev/$device
	mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
touch dev/console

# Only these units of the machine, and nothing that makes more of them.
mkdir run/units
for unit in sysinit basic multi-user network-online shutdown sockets timers paths slices local-fs remote-fs umount final exit; do
	cp usr/lib/systemd/system/$unit.target run/units/
done
mount --bind run/units usr/lib/systemd/system
for folder in etc/systemd/system usr/lib/systemd/system-generators; do mount -t tmpfs tmpfs $folder; done
mkdir -p run/systemd/system/service.d etc/systemd/system.conf.d
printf '[Service]\nStandardOutput=append:/run/units.log\nStandardError=append:/run/units.log\n' >run/systemd/system/service.d/log.conf
printf '[Manager]\nLogTarget=console\nDefaultTimeoutStopSec=10s\n' >etc/systemd/system.conf.d/test.conf

touch usr/bin/envoy
mount --bind "$envoy" usr/bin/envoy
rm -f etc/passwd.lock etc/shadow.lock etc/group.lock etc/gshadow.lock
ip link set lo up
pivot_root . .
umount -l .
exec env -i container=portreeve-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --system --unit=multi-user.target --show-status=no
