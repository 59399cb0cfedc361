import { Darkroom, type JobStatus } from "@darkroom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { broken, event, fakeFetch, json, problem, status, stream } from "./fake.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const OPENING = "retry: 1000\n\n";

function follow(fetch: (request: Request) => Promise<Response>, signal?: AbortSignal) {
  const states: JobStatus["status"][] = [];
  const done = (async () => {
    const job = new Darkroom({ baseUrl: "http://gateway", apiKey: "dk_1", fetch, retries: 1 }).job("job-1");
    for await (const each of job.events({ signal })) states.push(each.status);
  })();
  return { states, done };
}

async function settled(done: Promise<void>): Promise<unknown> {
  const outcome = done.then(
    () => "ended",
    (error: unknown) => error,
  );
  await vi.runAllTimersAsync();
  return outcome;
}

test("a stream is read to its final event, with the key, and nothing after it", async () => {
  const { fetch, seen } = fakeFetch(
    stream([OPENING, event("1-0", { status: "queued" }), ": heartbeat\n\n", event("2-0", { status: "done" })], "stays"),
  );
  const { states, done } = follow(fetch);
  expect(await settled(done)).toBe("ended");
  expect(states).toEqual(["queued", "done"]);
  expect(seen[0]?.headers.get("Authorization")).toBe("Bearer dk_1");
  expect(seen[0]?.headers.get("Accept")).toBe("text/event-stream");
  expect(seen[0]?.headers.has("Last-Event-ID")).toBe(false);
});

test.each(["ends", "breaks"] as const)("a stream that %s early is taken up after its last event", async (how) => {
  const { fetch, seen } = fakeFetch(
    stream([OPENING, event("1-0", { status: "queued" }), "data: {half"], how),
    broken,
    stream([event("2-0", { status: "error" })]),
  );
  const { states, done } = follow(fetch);
  expect(await settled(done)).toBe("ended");
  expect(states).toEqual(["queued", "error"]);
  expect(seen.map((each) => each.headers.get("Last-Event-ID"))).toEqual([null, "1-0", "1-0"]);
});

test("a client that has the last event already still ends with a final one", async () => {
  const { fetch } = fakeFetch(
    stream([event("1-0")], "breaks"),
    () => new Response(null, { status: 204 }),
    json(status({ status: "cancelled" })),
  );
  const { states, done } = follow(fetch);
  expect(await settled(done)).toBe("ended");
  expect(states).toEqual(["processing", "cancelled"]);
});

test("a connection that is silent for three heartbeats is given up and opened again", async () => {
  const { fetch, seen } = fakeFetch(stream([event("1-0")], "stays"), stream([event("2-0", { status: "done" })]));
  const { states, done } = follow(fetch);
  await vi.advanceTimersByTimeAsync(44_000);
  expect(seen).toHaveLength(1);
  expect(await settled(done)).toBe("ended");
  expect(states).toEqual(["processing", "done"]);
});

test("a connection on which heartbeats come is not silent, however long it says nothing else", async () => {
  const beats = Array.from({ length: 8 }, () => ": heartbeat\n\n");
  const { fetch, seen } = fakeFetch(stream([...beats, event("2-0", { status: "done" })], "ends", 30_000));
  const { states, done } = follow(fetch);
  expect(await settled(done)).toBe("ended");
  expect([states, seen.length]).toEqual([["done"], 1]);
});

test("connections that end early are opened again as long as something comes", async () => {
  const short = Array.from({ length: 9 }, () => stream([": heartbeat\n\n"], "breaks"));
  const { fetch, seen } = fakeFetch(...short, stream([event("2-0", { status: "done" })]));
  expect(await settled(follow(fetch).done)).toBe("ended");
  expect(seen).toHaveLength(10);
});

test("connections that end before anything came are not opened for ever", async () => {
  const { fetch, seen } = fakeFetch(...Array.from({ length: 5 }, () => stream([], "breaks")));
  expect(await settled(follow(fetch).done)).toMatchObject({ code: "unreachable" });
  expect(seen).toHaveLength(5);
});

test.each([
  ["job_unknown", 404],
  ["key_invalid", 401],
] as const)("what the gateway refuses (%s) ends the stream", async (code, number) => {
  const { fetch } = fakeFetch(problem(code, number));
  expect(await settled(follow(fetch).done)).toMatchObject({ code, status: number });
});

test("an event that is no JSON is an error, not a reason to come back", async () => {
  const { fetch } = fakeFetch(stream(["data: <html>\n\n"]));
  expect(await settled(follow(fetch).done)).toMatchObject({ code: "unexpected_answer" });
});

test("an abort ends the stream with the signal's reason and closes the connection", async () => {
  let connection: AbortSignal | undefined;
  const { fetch } = fakeFetch((request) => {
    connection = request.signal;
    return stream([event("1-0")], "stays")(request);
  });
  const controller = new AbortController();
  const { states, done } = follow(fetch, controller.signal);
  setTimeout(() => controller.abort("left"), 2000);
  expect(await settled(done)).toBe("left");
  expect(states).toEqual(["processing"]);
  expect(connection?.aborted).toBe(true);
});

test("who leaves the loop closes the connection", async () => {
  let connection: AbortSignal | undefined;
  const { fetch } = fakeFetch((request) => {
    connection = request.signal;
    return stream([event("1-0")], "stays")(request);
  });
  for await (const _ of new Darkroom({ baseUrl: "http://gateway", fetch }).job("job-1").events()) break;
  expect(connection?.aborted).toBe(true);
});
