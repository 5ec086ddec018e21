/** What came back: the status and the first line that a reader would see. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks a URL several times, each on a connection of its own, so that the edge chooses a server each time. */
export async function askOften(url: string, times: number): Promise<{ answers: readonly Answer[]; different: number }> {
  const answers: Answer[] = [];
  for (let round = 0; round < times; round += 1) answers.push(await ask(url));
  const good = answers.filter((answer) => answer.status === 200);
  return { answers, different: new Set(good.map((answer) => answer.text)).size };
}

async function ask(url: string): Promise<Answer> {
  try {
    const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(5_000) });
    return { status: response.status, text: firstLine(await response.text()) };
  } catch (error) {
    return { status: 0, text: String((error as Error).cause ?? error) };
  }
}

function firstLine(html: string): string {
  const body = html.replace(/<(head|style|script)[\s\S]*?<\/\1>/gi, "").replace(/<[^>]*>/g, "\n");
  return (
    body
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "")
      ?.slice(0, 100) ?? ""
  );
}
