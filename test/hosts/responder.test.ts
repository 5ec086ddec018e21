import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { diffFingerprints, type Fingerprint } from "../../dev/hosts/index.ts";
import { openServiceSite, type ServiceSite, type ServiceState } from "./service-site.ts";

let site: ServiceSite;
let before: Fingerprint;
let generation: string;
let reservation: Awaited<ReturnType<ServiceSite["reserve"]>>;
let state: ServiceState;
let port: number;

beforeAll(async () => {
  site = await openServiceSite("responder");
  generation = await site.build("one");
  before = await site.web.fingerprint();
  reservation = await site.reserve("web", { http: 80 });
  port = reservation.endpoints["http"]?.responder.hostPort ?? 0;
  await update({});
});
afterAll(() => site?.close());

async function update(given: Readonly<Record<string, unknown>>) {
  const { endpoints } = reservation;
  const done = await site.converge({ generation, ports: { http: 80 }, endpoints, ...given }, state);
  state = done.state;
  return done;
}

/** What the responder says to these bytes, until it closes. */
function ask(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: site.web.address, port, timeout: 10_000 });
    let answer = "";
    socket.on("connect", () => socket.write(bytes));
    socket.on("data", (data) => (answer += data.toString()));
    socket.on("end", () => resolve(answer));
    socket.on("timeout", () => reject(new Error("no answer within 10 s")));
    socket.on("error", reject);
  });
}

async function weight(): Promise<number> {
  return Number(/^up (?:ready )?(\d+)%\n$/.exec(await ask("web.http"))?.[1]);
}

/** Pressure as the kernel would tell it: test hosts share that of this machine. */
async function press(percent: string): Promise<void> {
  const line = `some avg10=${percent} avg60=0.00 avg300=0.00 total=1\\n`;
  await site.shell(
    `printf '${line}' > /run/test-pressure; mountpoint -q /proc/pressure/cpu || mount --bind /run/test-pressure /proc/pressure/cpu; printf 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1\\n' > /run/test-memory; mountpoint -q /proc/pressure/memory || mount --bind /run/test-memory /proc/pressure/memory`,
  );
}

test("an agent-check is answered, GET /ports tells the registry, and garbage gets nothing", async () => {
  expect(await weight()).toBeGreaterThanOrEqual(10);
  expect(await ask("web.http:state")).toBe("up\n");
  const [head, body] = (await ask("GET /ports HTTP/1.0\r\n\r\n")).split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
  expect(JSON.parse(body ?? "").services).toEqual([
    {
      name: "web",
      generation,
      state: "ready",
      ports: [
        {
          key: "http",
          protocol: "tcp",
          hostPort: reservation.endpoints["http"]?.hostPort,
          jailPort: 80,
          health: "up",
        },
      ],
    },
  ]);
  for (const garbage of ["web.nope", "x".repeat(5000), "\0\0\0", "POST /ports HTTP/1.0\r\n\r\n"])
    expect(await ask(garbage)).toBe("");
});

test("the weight follows the pressure by 20 points a report, down to 10 and up to 100", async () => {
  await press("0.00");
  await expect.poll(weight, { timeout: 30_000, interval: 2100 }).toBe(100);
  await press("97.00");
  const seen: number[] = [];
  for (let report = 0; report < 6; report++) {
    await new Promise((resolve) => setTimeout(resolve, 2100));
    seen.push(await weight());
  }
  expect(seen).toEqual([80, 60, 40, 20, 10, 10]);
  await site.shell("umount /proc/pressure/cpu /proc/pressure/memory; rm /run/test-pressure /run/test-memory");
});

test("no process stays, and connections that say nothing end by themselves", async () => {
  expect((await site.shell("pgrep -fc [p]ulumi-jail-responder/respond || true")).trim()).toBe("0");
  const idle = Array.from({ length: 80 }, () => connect({ host: site.web.address, port }).on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await expect.poll(weight, { timeout: 15_000 }).toBeGreaterThanOrEqual(10);
  for (const socket of idle) socket.destroy();
});

test("a jail does not reach it", async () => {
  const inside = (to: string) =>
    site.shell(
      `timeout 3 ip netns exec jail-web-${state.unitName.includes("@a") ? "a" : "b"} bash -c 'exec 3<>/dev/tcp/${to}' 2>/dev/null && echo open || echo closed`,
    );
  expect((await inside(`${site.web.address}/${port}`)).trim()).toBe("closed");
  // The positive control: the jail's own server.
  expect((await inside("127.0.0.1/80")).trim()).toBe("open");
});

test("a restart is told to edges before the gap, and its end", async () => {
  const seen: string[] = [];
  let done = false;
  const polling = (async () => {
    while (!done) {
      const answer = await ask("web.http:state");
      if (answer !== seen.at(-1)) seen.push(answer);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { told, reasons } = await update({ switchover: "restart", environment: { CHANGED: "1" } });
  await new Promise((resolve) => setTimeout(resolve, 700));
  done = true;
  await polling;
  expect(reasons).toEqual([]);
  expect(told).toContain("telling edges to drain web");
  expect(seen).toEqual(["up\n", "up drain\n", "up ready\n"]);
});

test("a socket that was stopped is named and mended", async () => {
  await site.shell("systemctl stop 'pulumi-jail-responder@*.socket'");
  const drift = [`the host's responder does not listen at ${site.web.address}:${port}`];
  expect((await site.read(state))?.drift).toEqual(drift);
  state = { ...state, drift };
  expect((await update({ switchover: "restart", environment: { CHANGED: "1" } })).reasons).toEqual([]);
  expect(await ask("web.http:state")).toMatch(/^up( ready)?\n$/);
});

test("it answers again after a reboot", async () => {
  await site.web.reboot();
  await expect.poll(() => ask("web.http:state").catch(String), { timeout: 30_000 }).toBe("up\n");
  expect((await site.read(state))?.drift).toEqual([]);
});

test("the last service takes it away, and nothing of it is left", async () => {
  await site.remove(state);
  await site.release(reservation);
  expect(diffFingerprints(before, await site.web.fingerprint())).toEqual([]);
});
