import { describeFindings } from "../generation/findings.ts";
import { lookAt } from "./jail-on-host.ts";
import { jailsOfState, pickJails } from "./stack.ts";
import { DONE, FOUND } from "./usage.ts";
import type { Words } from "./words.ts";

/** `verify [JAIL..]`. */
export async function verify(words: Words, print: (text: string) => void): Promise<number> {
  const jails = await Promise.all(pickJails(await jailsOfState(words), words).map(lookAt));
  const verified = jails.map(({ jail, generation, observed }) => ({
    jail: jail.properties.jailName,
    host: jail.host,
    generation,
    files: observed.record?.fileCount ?? 0,
    findings: describeFindings(observed.findings, generation),
  }));
  if (words.json) print(JSON.stringify(verified, undefined, 2));
  else {
    for (const { jail, host, generation, files, findings } of verified) {
      const outcome = findings.length === 0 ? `${files} files as built` : `${findings.length} found`;
      print(
        [`jail ${jail} on ${host}, generation ${generation}: ${outcome}`, ...findings.map((line) => `  ${line}`)].join(
          "\n",
        ),
      );
    }
  }
  return verified.some(({ findings }) => findings.length > 0) ? FOUND : DONE;
}
