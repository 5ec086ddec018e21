import { describe, expect, it } from "vitest";
import { chooseSubnet, gatewayOf, hostAddress } from "../../../dev/hosts/subnet.ts";

describe("the network of a run", () => {
  it("is the first one when nothing is taken", () => {
    expect(chooseSubnet([], [])).toEqual({ slot: 1, subnet: "10.213.1.0/24" });
  });

  it("has the lowest number no other run holds", () => {
    expect(chooseSubnet([1, 2, 4], [])).toEqual({ slot: 3, subnet: "10.213.3.0/24" });
  });

  it("overlaps nothing the machine uses, be it wider, narrower or one address", () => {
    expect(chooseSubnet([], ["10.213.0.0/16"]).subnet).toBe("10.214.1.0/24");
    expect(chooseSubnet([], ["10.213.1.128/25", "10.214.1.7"]).subnet).toBe("10.215.1.0/24");
    expect(chooseSubnet([], ["default", "192.0.2.0/24", "10.213.2.0/24"]).subnet).toBe("10.213.1.0/24");
  });

  it("is refused when the machine uses all of 10.0.0.0/8", () => {
    expect(() => chooseSubnet([], ["10.0.0.0/8"])).toThrow("no network is left");
  });

  it("has the gateway first and the hosts from .11 on", () => {
    expect(gatewayOf("10.213.9.0/24")).toBe("10.213.9.1");
    expect(hostAddress("10.213.9.0/24", 1)).toBe("10.213.9.11");
    expect(hostAddress("10.213.9.0/24", 200)).toBe("10.213.9.210");
    expect(() => hostAddress("10.213.9.0/24", 201)).toThrow("at most 200 hosts");
  });
});
