export { type ConnectionArgs, Host, type HostArgs } from "./connection/resource.ts";
export { PortMappingFleet, type PortMappingFleetArgs } from "./fleet/port-mapping-fleet.ts";
export { JailedServiceFleet, type JailedServiceFleetArgs, type Rollout } from "./fleet/resource.ts";
export { Jail, type JailArgs } from "./jail/resource.ts";
export { JailedService, type JailedServiceArgs } from "./jailed-service/resource.ts";
export {
  type Backend,
  type CertificateArgs,
  PortMapping,
  type PortMappingArgs,
  type TlsArgs,
  type VirtualAddressArgs,
} from "./port-mapping/resource.ts";
export { type PortArgs, PortReservation, type PortReservationArgs } from "./port-reservation/resource.ts";
export type { Endpoint, HealthCheck } from "./ports/endpoint.ts";
