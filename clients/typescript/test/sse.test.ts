import { readEvents } from "@darkroom/client";
import { expect, test } from "vitest";

function streamOf(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
}

async function read(text: string, size = 1000) {
  const events = [];
  const retries: number[] = [];
  let activity = 0;
  const listener = { onActivity: () => (activity += 1), onRetry: (each: number) => retries.push(each) };
  for await (const event of readEvents(streamOf(text, size), listener)) events.push(event);
  return { events, retries, activity };
}

const TEXT = ["retry: 250", "", ": heartbeat", "", "data: grün ✓", "id: 1-0", "", "event: x", "data:a", "data:  b", "id: 2-0", "", ""];
const EVENTS = [
  { data: "grün ✓", id: "1-0" },
  { data: "a\n b", id: "2-0" },
];

test.each(["\n", "\r\n", "\r"])("lines end with %j, wherever the network cuts them", async (end) => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const { events, retries } = await read(TEXT.join(end), size);
    expect({ size, events, retries }).toEqual({ size, events: EVENTS, retries: [250] });
  }
});

test("an event that the end cuts off is dropped", async () => {
  expect((await read("data: whole\n\ndata: half\n")).events).toEqual([{ data: "whole", id: undefined }]);
});

test("an id holds until the next one; one with a null, and a retry that is no number, do nothing", async () => {
  const { events, retries } = await read("id: 7\ndata: a\n\nid: \0\nretry: soon\ndata: b\n\n");
  expect(events).toEqual([
    { data: "a", id: "7" },
    { data: "b", id: "7" },
  ]);
  expect(retries).toEqual([]);
});

test("a byte order mark, comments and fields without a colon are no events", async () => {
  const { events, activity } = await read("\ufeffdata\n\n: still here\n\n");
  expect(events).toEqual([{ data: "", id: undefined }]);
  expect(activity).toBeGreaterThan(0);
});

test("who leaves the loop closes the stream", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _ of readEvents(endless)) break;
  expect(cancelled).toBe(true);
});
