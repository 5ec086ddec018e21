import { expect, test } from "vitest";
import { openedAtStart } from "../../../provider/discovery/opened-at-start.ts";
import { discoverRecorded } from "./recorded.ts";

const { manifest } = discoverRecorded("apache2.service");

test("a configuration that is read at start needs a new trace when it changes", () => {
  expect(openedAtStart(manifest, "/etc/apache2/apache2.conf")).toBe(true);
});

test("by the name of a link as well", () => {
  expect(openedAtStart(manifest, "/etc/apache2/sites-enabled/000-default.conf")).toBe(true);
});

test("a page that only the probe asked for does not", () => {
  expect(openedAtStart(manifest, "/var/www/html/index.html")).toBe(false);
});

test("nobody knows what a new path would do", () => {
  expect(openedAtStart(manifest, "/etc/apache2/conf-enabled/new.conf")).toBe(true);
});
