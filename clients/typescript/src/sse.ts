/** One server-sent event that has data. */
export interface ServerEvent {
  data: string;
  /** The last id that the stream named, in this event or before it. */
  id: string | undefined;
}

/** What to do beside the events themselves. */
export interface Listener {
  /** Something came: an event, or a comment that keeps the connection open. */
  onActivity?: () => void;
  /** The server says after how many milliseconds to come back. */
  onRetry?: (milliseconds: number) => void;
}

/**
 * Yields the events of a stream (WHATWG HTML, 9.2.6). An event that the stream's end cuts off is dropped; who leaves
 * the loop closes the stream.
 */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
  { onActivity, onRetry }: Listener = {},
): AsyncGenerator<ServerEvent, void, undefined> {
  let id: string | undefined;
  let data: string[] = [];
  for await (const line of readLines(stream, onActivity)) {
    if (line === "") {
      if (data.length > 0) yield { data: data.join("\n"), id };
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) onRetry?.(Number(value));
  }
}

/** Yields the lines that are complete; they end with LF, CR or both. */
async function* readLines(
  stream: ReadableStream<Uint8Array>,
  onActivity: (() => void) | undefined,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder(); // drops a byte order mark, and waits for the rest of a character
  const reader = stream.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      onActivity?.();
      // A CR at the end may be half of a CRLF.
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest.endsWith("\r")) yield rest.slice(0, -1);
  } finally {
    await reader.cancel().catch(() => undefined); // it may have failed already
  }
}
