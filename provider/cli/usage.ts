/** Exit codes of every command. */
export const DONE = 0;
/** There is something to tell that a pipeline should stop for: findings, a path that is not in, a difference. */
export const FOUND = 1;
/** The words of the command line are wrong. */
export const USAGE = 2;
/** It could not be done: the host, Pulumi or the state said no. */
export const FAILED = 3;

/** A mistake in the command line; the message says what would be right. */
export class UsageError extends Error {}

/** The help text, which is also what README and docs/cli.md promise. */
export const usage = `pulumi-jail COMMAND [WORDS] [OPTIONS]

  discover [JAIL..]             writes the lock files (manifestFile) of the project's jails without an up
  explain JAIL PATH             why a path is in a jail, or why not
  sbom JAIL                     its bill of materials: --format cyclonedx (default) or spdx, --output FILE
  diff JAIL [GEN1 [GEN2]]       what differs between two generations; default: the one before, and the current one
  verify [JAIL..]               compares every file of the current generations with its hash, on the hosts
  status                        hosts, jails, services, ports, health and what the edges say, on one screen:
                                --drift compares all with the hosts, --watch[=SECONDS] goes on (5) until Ctrl-C
  graph                         a picture of edges, hosts and services: --format mermaid (default) or svg, --output FILE,
                                --live asks the hosts for health
  metrics                       the same as status for Prometheus (text format), --output FILE

  --stack NAME   the stack; default: the selected one        --cwd DIR   the project's directory; default: this one
  --host NAME    which host, for a name that several have    --json      for programs
  --timeout N    seconds that a host may take (15)           --help

Exit codes: 0 done, nothing found · 1 found something (verify: findings; explain: not in; diff: differences;
            status: what is not well), 2 wrong words · 3 failed, or a host did not answer`;
