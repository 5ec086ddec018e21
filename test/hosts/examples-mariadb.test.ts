import { describeDatabase } from "./database-story.ts";

describeDatabase({
  example: "mariadb",
  program: "/usr/sbin/mariadbd",
  maximumBytes: 45e6,
  plugin: { path: "/usr/lib/mysql/plugin/auth_ed25519.so", statement: "INSTALL SONAME 'auth_ed25519'" },
  begins: [],
  secure: "",
  isThorough: true,
});
