import type * as pulumi from "@pulumi/pulumi";

/**
 * What is serialized into every stack's state as `__provider`, one constant per kind. The bodies load the installed
 * package when they run, so an upgrade shows no diff, and refresh and destroy of an old state run the current code
 * (law 10). They capture nothing; their text, and the name and signature of what they call, are public for ever.
 */
type Shim = pulumi.dynamic.ResourceProvider;

export const jailShim: Shim = {
  check: (olds, news) => require("pulumi-jail/lifecycle").operate("jail", "check", [olds, news]),
  diff: (id, olds, news) => require("pulumi-jail/lifecycle").operate("jail", "diff", [id, olds, news]),
  create: (news) => require("pulumi-jail/lifecycle").operate("jail", "create", [news]),
  read: (id, olds) => require("pulumi-jail/lifecycle").operate("jail", "read", [id, olds]),
  update: (id, olds, news) => require("pulumi-jail/lifecycle").operate("jail", "update", [id, olds, news]),
  delete: (id, olds) => require("pulumi-jail/lifecycle").operate("jail", "delete", [id, olds]),
};

export const portReservationShim: Shim = {
  check: (olds, news) => require("pulumi-jail/lifecycle").operate("port-reservation", "check", [olds, news]),
  diff: (id, olds, news) => require("pulumi-jail/lifecycle").operate("port-reservation", "diff", [id, olds, news]),
  create: (news) => require("pulumi-jail/lifecycle").operate("port-reservation", "create", [news]),
  read: (id, olds) => require("pulumi-jail/lifecycle").operate("port-reservation", "read", [id, olds]),
  update: (id, olds, news) => require("pulumi-jail/lifecycle").operate("port-reservation", "update", [id, olds, news]),
  delete: (id, olds) => require("pulumi-jail/lifecycle").operate("port-reservation", "delete", [id, olds]),
};

export const jailedServiceShim: Shim = {
  check: (olds, news) => require("pulumi-jail/lifecycle").operate("jailed-service", "check", [olds, news]),
  diff: (id, olds, news) => require("pulumi-jail/lifecycle").operate("jailed-service", "diff", [id, olds, news]),
  create: (news) => require("pulumi-jail/lifecycle").operate("jailed-service", "create", [news]),
  read: (id, olds) => require("pulumi-jail/lifecycle").operate("jailed-service", "read", [id, olds]),
  update: (id, olds, news) => require("pulumi-jail/lifecycle").operate("jailed-service", "update", [id, olds, news]),
  delete: (id, olds) => require("pulumi-jail/lifecycle").operate("jailed-service", "delete", [id, olds]),
};

export const portMappingShim: Shim = {
  check: (olds, news) => require("pulumi-jail/lifecycle").operate("port-mapping", "check", [olds, news]),
  diff: (id, olds, news) => require("pulumi-jail/lifecycle").operate("port-mapping", "diff", [id, olds, news]),
  create: (news) => require("pulumi-jail/lifecycle").operate("port-mapping", "create", [news]),
  read: (id, olds) => require("pulumi-jail/lifecycle").operate("port-mapping", "read", [id, olds]),
  update: (id, olds, news) => require("pulumi-jail/lifecycle").operate("port-mapping", "update", [id, olds, news]),
  delete: (id, olds) => require("pulumi-jail/lifecycle").operate("port-mapping", "delete", [id, olds]),
};
