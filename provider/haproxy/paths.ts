/** Where the edge's HAProxy puts its sockets; the directory is the unit's RuntimeDirectory=. */
export const RUNTIME_DIRECTORY = "/run/pulumi-jail-edge";

/**
 * At the same path in the jail as on the host: an `ExecReload=+` with RootDirectoryStartOnly= gets the bind mounts without
 * the root directory, and systemd would make a target that is missing on the host (seen with 252).
 */
export const EDGE_CONFIGURATION = "/var/lib/pulumi-jail/edge/configuration";

/** Certificates with their keys, lists of them for each bind, authorities of clients; readable by root and the proxy. */
export const EDGE_CERTIFICATES = `${EDGE_CONFIGURATION}/certificates`;
