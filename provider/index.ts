export { type ConnectionArgs, Host, type HostArgs } from "./connection/resource.ts";
export { Jail, type JailArgs } from "./jail/resource.ts";
export { JailedService, type JailedServiceArgs } from "./jailed-service/resource.ts";
export { type Backend, PortMapping, type PortMappingArgs } from "./port-mapping/resource.ts";
export { PortReservation, type PortReservationArgs } from "./port-reservation/resource.ts";
export type { Endpoint, HealthCheck, PortArgs } from "./ports/endpoint.ts";
