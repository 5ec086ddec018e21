import type { LaunchSocket, SocketListen } from "../manifest/launch.ts";

/** Parses `UNIT KEY VALUE` for each setting of the socket units that a daemon was started with, in their order. */
export function parsePassed(lines: readonly string[]): readonly LaunchSocket[] {
  const settings = lines.map((line) => {
    const [, unit = "", key = "", value = ""] = /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
    return { unit, key, value };
  });
  return [...new Set(settings.map(({ unit }) => unit))].map((unit) => {
    const own = settings.filter((setting) => setting.unit === unit);
    return {
      unit,
      fileDescriptorName: own.find(({ key }) => key === "FileDescriptorName")?.value ?? unit,
      listens: own.flatMap(({ key, value }): readonly SocketListen[] => {
        const type = types[key];
        return type === undefined ? [] : [{ type, address: value }];
      }),
      options: Object.fromEntries(own.flatMap(({ key, value }) => (options.has(key) ? [[key, value]] : []))),
    };
  });
}

const types: Readonly<Record<string, SocketListen["type"]>> = {
  ListenStream: "stream",
  ListenDatagram: "datagram",
  ListenSequentialPacket: "sequential-packet",
};

/** What a daemon sees of its sockets, or their clients do; modes, owners and links are the host's business. */
const options: ReadonlySet<string> = new Set([
  ...["BindIPv6Only", "Backlog", "NoDelay", "KeepAlive", "PassCredentials", "PassPacketInfo"],
  ...["ReceiveBuffer", "SendBuffer"],
]);
