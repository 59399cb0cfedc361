import { retrySeconds, unreachable } from "./errors.js";

/** Sends a request; the shape of `fetch` that openapi-fetch calls. */
export type Send = (request: Request) => Promise<Response>;

const IDEMPOTENT = new Set(["GET", "HEAD", "DELETE"]);
const TEMPORARY = new Set([429, 502, 503, 504]);
const FIRST_WAIT_SECONDS = 0.5;
/** Who is told to wait longer than this hears of it. */
const LONGEST_WAIT_SECONDS = 30;

/**
 * Returns a `fetch` that sends a request again, `retries` times at most, where that cannot do anything twice: it has an
 * Idempotency-Key, or its method is idempotent. It waits as long as the answer says, or longer each time.
 *
 * Throws `DarkroomError` (unreachable) where no answer came, and the reason of the request's signal.
 */
export function retrying(send: Send, retries: number): Send {
  return async (request) => {
    const attempts = isRepeatable(request) ? retries + 1 : 1;
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === attempts;
      const answer = await answerOf(send, isLast ? request : request.clone());
      if (isLast) {
        if (answer instanceof Response) return answer;
        throw answer.error;
      }
      const backoff = FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      let seconds = backoff;
      if (answer instanceof Response) {
        seconds = retrySeconds(answer) ?? backoff;
        if (!TEMPORARY.has(answer.status) || seconds > LONGEST_WAIT_SECONDS) return answer;
        await answer.body?.cancel();
      }
      await sleep(seconds * 1000, request.signal);
    }
  };
}

/** Waits; rejects with the signal's reason as soon as it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

function isRepeatable(request: Request): boolean {
  return IDEMPOTENT.has(request.method) || request.headers.has("Idempotency-Key");
}

async function answerOf(send: Send, request: Request): Promise<Response | { error: unknown }> {
  try {
    return await send(request);
  } catch (error) {
    request.signal.throwIfAborted();
    return { error: unreachable(request.url, error) };
  }
}
