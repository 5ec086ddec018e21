import { binaryProtocols } from "./binary.ts";
import { dnsProtocols } from "./dns.ts";
import { textProtocols } from "./text.ts";

/** Every protocol that a row of the table may name. */
export const protocols = { ...textProtocols, ...binaryProtocols, ...dnsProtocols };

export type ProtocolName = keyof typeof protocols;
