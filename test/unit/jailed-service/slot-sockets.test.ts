import { expect, test } from "vitest";
import { dataDirectories } from "../../../provider/jailed-service/data-directories.ts";
import { healthChecks } from "../../../provider/jailed-service/health.ts";
import type { JailedServiceInputs } from "../../../provider/jailed-service/inputs.ts";
import { socketPlaces, socketUnitNames } from "../../../provider/jailed-service/slot-sockets.ts";
import type { LaunchSocket } from "../../../provider/manifest/launch.ts";
import { slotNetwork } from "../../../provider/ports/network.ts";
import { fakeLaunch } from "../../support/fake-service.ts";

const socket = (...addresses: readonly string[]): LaunchSocket => ({
  unit: "app.socket",
  fileDescriptorName: "app.socket",
  listens: addresses.map((address) => ({ type: "stream", address })),
  options: {},
});
const inputs = {
  serviceName: "web",
  network: "private",
  ports: { own: { socket: "/run/app/app.sock" }, http: { jailPort: 80 }, admin: { jailPort: 81 } },
} as unknown as JailedServiceInputs;
const sockets = [socket("/run/app/app.sock", "/run/app/inner.sock"), socket("80")];

test("each packaged socket unit has one beside each slot", () => {
  expect(socketUnitNames("web", "b", sockets)).toEqual(["jailed-web@b-1.socket", "jailed-web@b-2.socket"]);
  expect(socketUnitNames("web", "b")).toEqual([]);
});

test("a socket that is a port lies where other services find it, another one with its slot", () => {
  expect(socketPlaces(inputs, "a", sockets)).toEqual({
    "/run/app/app.sock": "/var/lib/pulumi-jail/services/web/scratch/socket-own/app.sock",
    "/run/app/inner.sock": "/var/lib/pulumi-jail/services/web/a/sockets/2",
  });
});

test("the directory of a socket that systemd opens is no directory of the service's uid", () => {
  const paths = (launch: typeof fakeLaunch) =>
    dataDirectories(inputs, { launch, seeds: [] }).map((one) => one.hostPath);
  const own = "/var/lib/pulumi-jail/services/web/scratch/socket-own";
  expect(paths(fakeLaunch)).toContain(own);
  expect(paths({ ...fakeLaunch, sockets })).not.toContain(own);
});

test("a port at which systemd listens is no proof of health; a request that it answers is", () => {
  const network = slotNetwork("web", 0, "a");
  const checks = (check: JailedServiceInputs["healthCheck"], launch = { ...fakeLaunch, sockets }) =>
    healthChecks({ ...inputs, healthCheck: check } as JailedServiceInputs, { uid: 9, gid: 9, launch }, network);
  expect(checks(undefined)).toEqual([`tcp\t${network.jailAddress}\t81`]);
  expect(checks(undefined, { ...fakeLaunch, sockets: [] })).toHaveLength(2);
  expect(checks({ path: "/", port: "http" })).toEqual([`http\t${network.jailAddress}\t80\t200-399\t/`]);
});
