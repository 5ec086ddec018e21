import type { Step } from "../step.ts";

/** Makes systemd read its units anew, under the host's lock; the units named must be up to date afterwards. */
export function daemonReload(names: readonly string[] = [], describe = "reloading systemd's units"): Step {
  return { step: "daemon-reload", args: names, describe };
}

/** Enables a unit without starting it. */
export function enableUnit(name: string, describe = `enabling ${name}`): Step {
  return { step: "enable-unit", args: [name], describe };
}

/** Disables a unit without stopping it; nothing to do when it is gone already. */
export function disableUnit(name: string, describe = `disabling ${name}`): Step {
  return { step: "disable-unit", args: [name], describe };
}

/** Starts a unit. When that fails, the step's output is the unit's last log lines. */
export function startUnit(name: string, describe = `starting ${name}`): Step {
  return { step: "start-unit", args: [name], describe };
}

/** Stops a unit; nothing to do when it is gone already. */
export function stopUnit(name: string, describe = `stopping ${name}`): Step {
  return { step: "stop-unit", args: [name], describe };
}

/** Restarts a unit. When that fails, the step's output is the unit's last log lines. */
export function restartUnit(name: string, describe = `restarting ${name}`): Step {
  return { step: "restart-unit", args: [name], describe };
}

/** Reloads a unit. When that fails, the step's output is the unit's last log lines. */
export function reloadUnit(name: string, describe = `reloading ${name}`): Step {
  return { step: "reload-unit", args: [name], describe };
}
