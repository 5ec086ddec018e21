import { execFile, execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const program = join(import.meta.dirname, "../../../provider/host/scripts/snmp.pl");

describe("the weight by what snmpd says", () => {
  test.each([
    ["idle", { idle: "94", load: "7.10" }, "94"],
    ["not idle at all", { idle: "0" }, "10"],
    ["without ssCpuIdle: the load", { load: "2.50" }, "40"],
    ["a load that one processor does", { load: "0.35" }, "100"],
    ["nothing of use", { load: "x" }, "undef"],
  ])("%s", (_, of, weight) => {
    const pairs = Object.entries(of).flat();
    expect(perl('my $w = weight_of_answers({ @ARGV[1 .. $#ARGV] }); print $w // "undef"', pairs)).toBe(weight);
  });
});

test("a request is a get of version 2c for two objects, byte for byte", () => {
  // By hand from RFC 1901 and 3416: version, community, get with id 1234567890 and no error, two names with null.
  const names = ["300e060a2b060104018f650b0b000500", "300f060b2b060104018f650a0103010500"].join("");
  expect(perl('print unpack "H*", get_request("public", 1234567890)', [])).toBe(
    ["303c020101", "04067075626c6963", "a02f0204499602d2", "020100020100", "3021", names].join(""),
  );
});

describe("a response", () => {
  test("is read by name", () => {
    expect(
      parse(
        response(7, [
          [IDLE, "020133"],
          [LOAD, "0404302e3335"],
        ]),
        7,
      ),
    ).toBe("idle=51 load=0.35");
  });

  test.each([
    ["of another request", response(8, [[IDLE, "020133"]]), "none"],
    ["with an error", response(7, [[IDLE, "020133"]], 2), "none"],
    ["cut off", response(7, [[IDLE, "020133"]]).slice(0, 40), "none"],
    [
      "of an object that the host does not show",
      response(7, [
        [IDLE, "8000"],
        [LOAD, "0404302e3335"],
      ]),
      "load=0.35",
    ],
    ["that is garbage", "ffffffff", "none"],
    ["that is empty", "", "none"],
  ])("%s", (_, hex, found) => expect(parse(hex, 7)).toBe(found));
});

describe("asked by the proxy", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-jail-snmp-"));
    mkdirSync(join(folder, "targets"));
    mkdirSync(join(folder, "own"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("it asks the host of the mapping and answers in HAProxy's words; nobody else is asked", async () => {
    const asked: string[] = [];
    const snmpd = createSocket("udp4", (request, from) => {
      asked.push(request.toString("latin1").includes("geheim") ? "right community" : "wrong community");
      const id = Number.parseInt(request.toString("hex").split("0204")[1]!.slice(0, 8), 16);
      snmpd.send(Buffer.from(response(id, [[IDLE, "02013e"]]), "hex"), from.port, from.address);
    });
    await new Promise<void>((resolve) => snmpd.bind(0, "127.0.0.1", resolve));
    const hex = Buffer.from("geheim").toString("hex");
    writeFileSync(join(folder, "targets/site"), `127.0.0.1 ${snmpd.address().port} ${hex}\n`);
    try {
      expect(await answer("site:127.0.0.1")).toBe("up 62%\n");
      // Within two seconds the last answer will do.
      expect(await answer("site:127.0.0.1")).toBe("up 62%\n");
      expect(asked).toEqual(["right community"]);
      for (const other of ["site:10.0.0.9", "shop:127.0.0.1", "../site:127.0.0.1", "site", ""])
        expect(await answer(other)).toBe("");
      expect(asked).toHaveLength(1);
    } finally {
      snmpd.close();
    }
  });

  test("a host that is silent is told nothing of", async () => {
    const silent = createSocket("udp4");
    await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
    writeFileSync(join(folder, "targets/site"), `127.0.0.1 ${silent.address().port} 7075\n`);
    expect(await answer("site:127.0.0.1")).toBe("");
    silent.close();
  });

  /** The program over directories of the test's own. */
  async function answer(question: string): Promise<string> {
    const text = readFileSync(program, "utf8")
      .replace("/var/lib/pulumi-jail-snmp", folder)
      .replace("/run/pulumi-jail-snmp", join(folder, "own"));
    const file = join(folder, "snmp.pl");
    writeFileSync(file, text);
    const script = "do $ARGV[0] or die $@; my $a = answer_to($ARGV[1]); print $a if defined $a";
    return (await promisify(execFile)("perl", ["-e", script, file, question])).stdout;
  }
});

const IDLE = "2b060104018f650b0b00";
const LOAD = "2b060104018f650a010301";

function tlv(tag: string, hex: string): string {
  return `${tag}${(hex.length / 2).toString(16).padStart(2, "0")}${hex}`;
}

/** As an agent answers: version 2c, community "public". */
function response(id: number, values: readonly (readonly [string, string])[], error = 0): string {
  const list = values.map(([oid, value]) => tlv("30", tlv("06", oid) + value)).join("");
  const number = (value: number) => tlv("02", value.toString(16).padStart(8, "0"));
  return tlv(
    "30",
    `020101${tlv("04", "7075626c6963")}${tlv("a2", `${number(id)}${number(error)}020100${tlv("30", list)}`)}`,
  );
}

function parse(hex: string, id: number): string {
  const script =
    'my $f = parse_response(pack("H*", $ARGV[1]), $ARGV[2]); print $f ? join(" ", map { "$_=$$f{$_}" } sort keys %$f) : "none"';
  return perl(script, [hex, String(id)]);
}

function perl(script: string, args: readonly string[]): string {
  return execFileSync("perl", ["-e", `do $ARGV[0] or die $@; ${script}`, program, ...args], { encoding: "utf8" });
}
