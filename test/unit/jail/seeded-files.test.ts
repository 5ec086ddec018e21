import { expect, test } from "vitest";
import { describeSeededFiles } from "../../../provider/jail/seeded-files.ts";
import type { Manifest } from "../../../provider/manifest/manifest.ts";

const launch = {
  writable: [
    { path: "/var/lib/app", kind: "state", mode: "0750" },
    { path: "/run/app", kind: "runtime", mode: "0755" },
  ],
};
const entries = [{ path: "/etc/app.conf", kind: "file" }];
const manifest = { entries, launch } as unknown as Manifest;
const file = (path: string) => ({ path, content: "", mode: "0644", owner: "root", group: "root" });

test("a file in a directory that the daemon has as its own is told to begin a new one only, with what holds there", () => {
  const files = ["/etc/app.conf", "/var/lib/app/seed.conf", "/var/lib/application.conf", "/run/app/x"].map(file);
  expect(describeSeededFiles(files, manifest)).toEqual([
    'files["/var/lib/app/seed.conf"] only begins a new /var/lib/app, which is the daemon\'s own from then on: for changes that arrive there, use configFiles of its JailedService',
  ]);
});
