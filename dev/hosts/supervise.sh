#!/bin/sh
# Keeps one host running: supervise.sh GROUP COMMAND...
# systemd-nspawn --keep-unit ends with 133 when the host reboots and leaves starting it again to its supervisor.
group=$1
shift

# One hierarchy with v2; several with v1 and with both (cgroups(7)).
each_hierarchy() {
    if [ -e /sys/fs/cgroup/cgroup.procs ]; then
        "$1" "/sys/fs/cgroup/$group"
        return
    fi
    for hierarchy in /sys/fs/cgroup/*; do
        if [ -e "$hierarchy/cgroup.procs" ]; then "$1" "$hierarchy/$group"; fi
    done
}

enter() {
    mkdir -p "$1"
    # A new cpuset group has no processor and no memory node, and takes no process until it has (cgroup-v1/cpusets).
    if [ -e "$1/cpuset.cpus" ] && [ -e "$1/cpuset.mem_exclusive" ]; then
        cat "$1/../cpuset.cpus" >"$1/cpuset.cpus"
        cat "$1/../cpuset.mems" >"$1/cpuset.mems"
    fi
    # 0 is the process that writes: this subshell, which becomes systemd-nspawn.
    echo 0 >"$1/cgroup.procs"
}

# The last boot's groups, empty now: the next one makes its own.
clear_below() {
    if [ -d "$1" ]; then find "$1" -mindepth 1 -depth -type d -exec rmdir {} \; 2>/dev/null; fi
}

while :; do
    (
        each_hierarchy enter
        exec "$@"
    )
    status=$?
    if [ "$status" -ne 133 ]; then exit "$status"; fi
    echo "--- reboot ---"
    each_hierarchy clear_below
done
