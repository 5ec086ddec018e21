import { expect, test } from "vitest";
import { execWords } from "../../../provider/discovery/exec-words.ts";

test.each([
  ["/usr/sbin/app -f /etc/app.conf", ["/usr/sbin/app", "-f", "/etc/app.conf"]],
  ["-@/usr/sbin/app  -x", ["/usr/sbin/app", "-x"]],
  [`/usr/sbin/app -g "daemon on; master on;" 'a "b"'`, ["/usr/sbin/app", "-g", "daemon on; master on;", 'a "b"']],
  ['/usr/sbin/app a\\ b \\x2d ""', ["/usr/sbin/app", "a b", "-", ""]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd has such placeholders of its own
  ["/usr/sbin/app $OPTIONS ${MORE} $$HOME", ["/usr/sbin/app", "$HOME"]],
  ["", []],
])("the words of %s are as systemd has them", (line, words) => {
  expect(execWords(line)).toEqual(words);
});
