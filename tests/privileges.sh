# What the kernel of this machine allows, asked before tests that are nothing without it. Sourced by their scripts.

# Root may make machines and containers within this one: namespaces, overlay mounts, control groups of version 2.
allows_machines() {
    local group
    group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ "$(id -u)" = 0 ] && [ -n "$group" ] && mkdir "$group/mcp-proxy-asks-$$" && rmdir "$group/mcp-proxy-asks-$$" &&
        unshare --mount --pid --net --uts --ipc --cgroup --fork sh -ec '
            mount --make-rprivate /
            mount -t tmpfs tmpfs /mnt
            mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root /mnt/groups
            mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
            mount -t cgroup2 cgroup2 /mnt/groups
            mount -t proc proc /proc'
}

# A user namespace may have programs of other architectures run by an interpreter of its own (Linux 6.7 or later).
allows_foreign_programs() {
    unshare --user --map-root-user --mount sh -ec '
        mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
        [ -w /proc/sys/fs/binfmt_misc/register ]'
}
