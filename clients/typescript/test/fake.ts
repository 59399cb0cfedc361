import type { JobStatus } from "@darkroom/client";

/** What a request was, read before its answer was made. */
export interface Seen {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

type Answer = (request: Request) => Response | Promise<Response>;

/** A `fetch` that gives these answers, one after the other, and keeps what it was asked. */
export function fakeFetch(...answers: Answer[]) {
  const seen: Seen[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const body = await request.text(); // as a real one, which takes a body once
    seen.push({ method: request.method, path: pathname + search, headers: new Headers(request.headers), body });
    const answer = answers.shift();
    if (!answer) throw new Error(`nobody expects ${request.method} ${pathname}`);
    request.signal.throwIfAborted();
    return answer(request);
  };
  return { fetch, seen };
}

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json(body, { status, headers });

export const problem = (code: string, status: number, headers: Record<string, string> = {}): Answer =>
  json({ type: `urn:darkroom:problem:${code}`, title: code, status, detail: `It is ${code}.`, code, error_type: "UnavailableError", instance: "/x" }, status, headers);

export const broken: Answer = () => {
  throw new TypeError("fetch failed");
};

/** A stream of these pieces, so many milliseconds apart; it then ends, breaks or stays open. */
export const stream =
  (pieces: string[], after: "ends" | "breaks" | "stays" = "ends", milliseconds = 0): Answer =>
  (request) => {
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        request.signal.addEventListener("abort", () => controller.error(request.signal.reason));
      },
      async pull(controller) {
        if (milliseconds) await new Promise((resolve) => setTimeout(resolve, milliseconds));
        const piece = pieces.shift();
        if (piece !== undefined) controller.enqueue(encoder.encode(piece));
        else if (after === "ends") controller.close();
        else if (after === "breaks") controller.error(new TypeError("terminated"));
        else await new Promise(() => undefined);
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };

export function status(changes: Partial<JobStatus> = {}): JobStatus {
  return {
    task_id: "job-1",
    status: "processing",
    progress: 0.5,
    current_step: 1,
    total_steps: 2,
    queue_position: null,
    eta_seconds: null,
    loading_message: null,
    message: null,
    preview_image_id: null,
    preview_url: null,
    error: null,
    error_code: null,
    ...changes,
  };
}

export const event = (id: string, changes: Partial<JobStatus> = {}): string =>
  `data: ${JSON.stringify(status(changes))}\nid: ${id}\n\n`;
