#!/bin/sh
# Becomes the first process of a machine of its own: a copy of a Debian root that is gone with it, beside nothing of ours.
# To be started in new namespaces. usage: boot.sh ROOT WORK INIT...
# QEMU="name:magic:mask:interpreter …": programs of other architectures run there.
set -e
base=$1 work=$2
shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
if [ -n "$QEMU" ]; then
    mount -t binfmt_misc binfmt_misc proc/sys/fs/binfmt_misc
    for line in $QEMU; do
        IFS=: read -r name magic mask interpreter <<END
$line
END
        printf '%s' ":$name:M::$magic:$mask:$interpreter:F" >proc/sys/fs/binfmt_misc/register
    done
fi
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts run/before
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
chmod 1777 dev/shm
ip link set lo up
pivot_root . run/before
umount -l /run/before
rmdir /run/before
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=packages "$@"
