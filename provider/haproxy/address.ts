/** 4 or 6 for an IP address without zone or brackets, else undefined; names are for others to resolve. */
export function familyOf(text: string): 4 | 6 | undefined {
  if (isIPv4(text)) return 4;
  return isIPv6(text) ? 6 : undefined;
}

function isIPv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIPv6(text: string): boolean {
  if (!/^[0-9A-Fa-f:]{2,39}$/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length <= 7 : groups.length === 8;
}

/** The one form of an address, as the kernel and the proxy print it: `2001:DB8:0::7` is `2001:db8::7`. */
export function canonicalAddress(text: string): string {
  return familyOf(text) === 6 ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text;
}
