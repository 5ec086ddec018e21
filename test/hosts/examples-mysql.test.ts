import { describeDatabase } from "./database-story.ts";

describeDatabase({
  example: "mysql",
  program: "/usr/sbin/mysqld",
  maximumBytes: 140e6,
  plugin: {
    path: "/usr/lib/mysql/plugin/component_validate_password.so",
    statement: "INSTALL COMPONENT 'file://component_validate_password'",
  },
  begins: ["/usr/lib/mysql/plugin/component_validate_password.so", "/usr/share/mysql/french"],
  // Its accounts take passwords by TLS only.
  secure: " --ssl",
  isThorough: false,
});
