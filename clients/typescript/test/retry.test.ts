import { Darkroom, DarkroomError } from "@darkroom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { broken, fakeFetch, json, problem, type Seen } from "./fake.js";

const ACCEPTED = json({ task_id: "job-1", status: "queued" });
const PHOTO = new Blob(["photo"]);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Runs all timers while a promise waits for them; returns what came of it and the seconds that passed. */
async function outcome<T>(promise: Promise<T>): Promise<{ value?: T; error?: unknown; seconds: number }> {
  const start = Date.now();
  const settled = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await vi.runAllTimersAsync();
  return { ...(await settled), seconds: (Date.now() - start) / 1000 };
}

const keys = (seen: Seen[]) => new Set(seen.map((each) => each.headers.get("Idempotency-Key")));

test("a submit that got no answer is sent again under the same key, with its whole body", async () => {
  const { fetch, seen } = fakeFetch(broken, problem("broker_unavailable", 503, { "Retry-After": "3" }), ACCEPTED);
  const darkroom = new Darkroom({ baseUrl: "http://gateway", fetch });
  const { value, seconds } = await outcome(darkroom.submit("white-balance", { photo: PHOTO }));
  expect(value?.id).toBe("job-1");
  expect(seen).toHaveLength(3);
  expect(keys(seen).size).toBe(1);
  expect(seen.map((each) => each.body.includes("photo"))).toEqual([true, true, true]);
  expect(seconds).toBeGreaterThanOrEqual(3.3);
});

test("two submits have two keys, and a caller's own key is kept", async () => {
  const { fetch, seen } = fakeFetch(ACCEPTED, ACCEPTED, ACCEPTED);
  const darkroom = new Darkroom({ baseUrl: "http://gateway", fetch });
  await darkroom.submit("white-balance", { photo: PHOTO });
  await darkroom.submit("white-balance", { photo: PHOTO });
  await darkroom.submit("white-balance", { photo: PHOTO, idempotencyKey: "order-17" });
  expect(keys(seen).size).toBe(3);
  expect(seen[2]?.headers.get("Idempotency-Key")).toBe("order-17");
  expect(seen[2]?.body).not.toContain("order-17");
});

test("a limit is waited for as long as it says, as seconds or as a date", async () => {
  const later = () => json({}, 429, { "Retry-After": new Date(Date.now() + 20_000).toUTCString() })(undefined as never);
  const { fetch } = fakeFetch(problem("rate_limited", 429, { "Retry-After": "9" }), later, json({ status: "healthy" }));
  const { value, seconds } = await outcome(new Darkroom({ baseUrl: "http://gateway", fetch }).health());
  expect(value?.status).toBe("healthy");
  expect(Math.round(seconds)).toBeGreaterThanOrEqual(28);
});

test("who would have to wait too long is told at once", async () => {
  const { fetch, seen } = fakeFetch(problem("rate_limited", 429, { "Retry-After": "3600" }));
  const { error, seconds } = await outcome(new Darkroom({ baseUrl: "http://gateway", fetch }).health());
  expect(error).toMatchObject({ status: 429, code: "rate_limited", retryAfter: 3600 });
  expect([seen.length, seconds]).toEqual([1, 0]);
});

test("tries end, and the error of the last one is told", async () => {
  const { fetch, seen } = fakeFetch(broken, broken, broken);
  const { error } = await outcome(new Darkroom({ baseUrl: "http://gateway", fetch, retries: 2 }).health());
  expect(error).toBeInstanceOf(DarkroomError);
  expect(error).toMatchObject({ status: 0, code: "unreachable", cause: { message: "fetch failed" } });
  expect(seen).toHaveLength(3);
});

test("what could be done twice is sent once", async () => {
  const { fetch, seen } = fakeFetch(problem("broker_unavailable", 503, { "Retry-After": "1" }));
  const darkroom = new Darkroom({ baseUrl: "http://gateway", fetch });
  const { value } = await outcome(darkroom.api.POST("/api/webhooks/secret/rotate"));
  expect(value?.error?.code).toBe("broker_unavailable");
  expect(seen).toHaveLength(1);
});

test("errors that waiting does not mend are not tried again", async () => {
  const { fetch, seen } = fakeFetch(problem("image_invalid", 422));
  const { error } = await outcome(new Darkroom({ baseUrl: "http://gateway", fetch }).upload(PHOTO));
  expect(error).toMatchObject({ status: 422, code: "image_invalid" });
  expect(seen).toHaveLength(1);
});

test("an abort ends the wait between two tries, with the signal's own reason", async () => {
  const { fetch, seen } = fakeFetch(problem("queue_full", 503, { "Retry-After": "20" }));
  const controller = new AbortController();
  const waiting = new Darkroom({ baseUrl: "http://gateway", fetch }).health({ signal: controller.signal });
  setTimeout(() => controller.abort("enough"), 5000);
  const { error, seconds } = await outcome(waiting);
  expect([error, seconds, seen.length]).toEqual(["enough", 5, 1]);
});
