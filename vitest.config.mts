import { defineConfig } from "vitest/config";

const hostTests = { testTimeout: 300_000, hookTimeout: 600_000 };

/**
 * Four kinds of proof: tables for logic, laws on a fake host, the real engine by itself, and real hosts with the real
 * engine. They run one kind after the other, the fast ones first. `machine` looks at what test hosts leave on this
 * machine, so no other hosts may come and go beside it; the files of `hosts` have hosts of their own, mostly wait for them, and run four at a time.
 */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], sequence: { groupOrder: 0 } } },
      { test: { name: "lifecycle", include: ["test/lifecycle/**/*.test.ts"], sequence: { groupOrder: 0 } } },
      {
        test: {
          name: "engine",
          include: ["test/engine/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...hostTests,
          name: "machine",
          include: ["test/hosts/test-hosts.test.ts"],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...hostTests,
          name: "hosts",
          include: ["test/hosts/**/*.test.ts"],
          exclude: ["test/hosts/test-hosts.test.ts"],
          sequence: { groupOrder: 3 },
          maxWorkers: 4,
        },
      },
    ],
  },
});
