import { defineConfig } from "vitest/config";

/** Four kinds of proof: tables for logic, laws on a fake host, the real engine by itself, and real hosts with the real engine. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { test: { name: "lifecycle", include: ["test/lifecycle/**/*.test.ts"] } },
      { test: { name: "engine", include: ["test/engine/**/*.test.ts"], testTimeout: 180_000, hookTimeout: 60_000 } },
      {
        test: {
          name: "hosts",
          include: ["test/hosts/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
