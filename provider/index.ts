export { type ConnectionArgs, Host, type HostArgs } from "./connection/resource.ts";
export { Jail, type JailArgs } from "./jail/resource.ts";
export { JailedService, type JailedServiceArgs } from "./jailed-service/resource.ts";
export { type Backend, PortMapping, type PortMappingArgs } from "./port-mapping/resource.ts";
export { type PortArgs, PortReservation, type PortReservationArgs } from "./port-reservation/resource.ts";
export type { Endpoint, HealthCheck } from "./ports/endpoint.ts";
