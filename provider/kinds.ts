import type { Kind } from "./dynamic/operations.ts";
import { jailKind } from "./jail/lifecycle.ts";
import { jailedServiceKind } from "./jailed-service/lifecycle.ts";
import { portMappingKind } from "./port-mapping/lifecycle.ts";
import { portReservationKind } from "./port-reservation/lifecycle.ts";

/** Every kind of resource by the name that the shims in users' states call it by; a name never changes. */
export const kinds: Readonly<Record<string, Kind | undefined>> = {
  jail: jailKind as unknown as Kind,
  "port-reservation": portReservationKind as unknown as Kind,
  "jailed-service": jailedServiceKind as unknown as Kind,
  "port-mapping": portMappingKind as unknown as Kind,
};
