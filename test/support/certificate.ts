import type { TestHost } from "../../dev/hosts/index.ts";

/** A certificate that signs itself, and its key, both in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Made on a host, since each has openssl: for a name and the host's own address, valid for a month. */
export async function selfSigned(host: TestHost, name: string): Promise<Certificate> {
  const { stdout } = await host.exec(["sh", "-euc", script, "sh", name, host.address]);
  const [privateKey = "", certificate = ""] = stdout.split(/(?=-----BEGIN CERTIFICATE-----)/);
  return { certificate, privateKey };
}

const script = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout - -out - \\
  -subj "/CN=$1" -addext "subjectAltName=DNS:$1,IP:$2" 2>/dev/null`;
