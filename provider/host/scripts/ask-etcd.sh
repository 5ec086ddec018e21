# shellcheck shell=sh
# ask_etcd NAME: `ok|away SINCE SERVERS` as the watcher of a mapping has written it (etcd-watch.pl), or nothing.
ask_etcd() { cat -- "/run/pulumi-jail-etcd-$1/status" 2>/dev/null || true; }
