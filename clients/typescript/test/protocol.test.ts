import { Darkroom, DarkroomError } from "@darkroom/client";
import { expect, test } from "vitest";
import { event, fakeFetch, json, problem, stream } from "./fake.js";

const ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const RESULT = {
  task_id: "job-1",
  status: "done",
  image: btoa("PNG"),
  image_id: ID,
  format: "png",
  width: 4,
  height: 3,
  model_used: "opencv",
  generation_time: 0.5,
  stages: {},
  parameters_used: { operation: "removal", seed: 7 },
  reproducibility: {},
  notes: ["a note"],
};

/** Sends a form again to a parser, as a gateway reads it. */
async function formOf(body: string, headers: Headers): Promise<FormData> {
  return new Response(body, { headers: { "Content-Type": headers.get("Content-Type") ?? "" } }).formData();
}

test("images go as files or as ids, in the fields that the gateway reads; what is absent is not sent", async () => {
  const { fetch, seen } = fakeFetch(json({ task_id: "job-1", status: "queued" }));
  await new Darkroom({ baseUrl: "http://gateway/", fetch }).submit("insertion", {
    photo: ID,
    mask: new TextEncoder().encode("mask"),
    reference: new File(["reference"], "object.png"),
    reference_mask: new Blob(["outline"]),
    seed: 0,
    enable_debug: false,
    prompt: undefined,
  });
  const [sent] = seen;
  expect([sent?.method, sent?.path]).toEqual(["POST", "/api/generate/async"]);
  const form = await formOf(sent?.body ?? "", sent?.headers ?? new Headers());
  const { mask, reference_image, reference_mask, ...texts } = Object.fromEntries(form);
  expect(texts).toEqual({ task_type: "insertion", input_image: ID, seed: "0", enable_debug: "false" });
  const files = [mask, reference_image, reference_mask] as File[];
  expect(await Promise.all(files.map((each) => each.text()))).toEqual(["mask", "reference", "outline"]);
  expect(files[1]?.name).toBe("object.png");
});

test("points and boxes go as numbers with commas between", async () => {
  const { fetch, seen } = fakeFetch(problem("nothing_found", 422));
  const asked = new Darkroom({ baseUrl: "http://gateway", fetch }).smartMask(ID, {
    points: [
      [10, 20],
      [30.5, 40],
    ],
    labels: [1, 0],
    box: [1, 2, 3, 4],
  });
  await expect(asked).rejects.toMatchObject({ code: "nothing_found" });
  const form = await formOf(seen[0]?.body ?? "", seen[0]?.headers ?? new Headers());
  expect(Object.fromEntries(form)).toMatchObject({ image: ID, points: "10,20,30.5,40", labels: "1,0", bbox: "1,2,3,4" });
});

test("an edit tells its progress and returns its picture", async () => {
  const { fetch, seen } = fakeFetch(
    json({ task_id: "job-1", status: "queued" }),
    stream([event("1-0", { status: "queued" }), event("2-0", { status: "done", progress: 1 })]),
    json(RESULT),
  );
  const told: string[] = [];
  const edited = await new Darkroom({ baseUrl: "http://gateway", apiKey: "dk_1", fetch }).edit("removal", {
    photo: ID,
    mask: ID,
    onProgress: (status) => told.push(status.status),
  });
  expect(told).toEqual(["queued", "done"]);
  expect(edited).toMatchObject({ jobId: "job-1", imageId: ID, model: "opencv", seconds: 0.5, seed: 7, notes: ["a note"] });
  expect(edited.image.type).toBe("image/png");
  expect(await edited.image.text()).toBe("PNG");
  expect(new Set(seen.map((each) => each.headers.get("Authorization")))).toEqual(new Set(["Bearer dk_1"]));
  expect(seen[0]?.body).not.toContain("onProgress");
});

test.each(["abort", "callback"])("who gives an edit up (%s) cancels its job", async (how) => {
  const { fetch, seen } = fakeFetch(
    json({ task_id: "job-1", status: "queued" }),
    stream([event("1-0", { status: "queued" })], "stays"),
    json({ task_id: "job-1", status: "cancelled", message: "" }),
  );
  const controller = new AbortController();
  const edit = new Darkroom({ baseUrl: "http://gateway", fetch }).edit("white-balance", {
    photo: ID,
    signal: controller.signal,
    onProgress: () => {
      if (how === "callback") throw new RangeError("mine");
      controller.abort("left");
    },
  });
  const error: unknown = await edit.catch((reason: unknown) => reason);
  expect(error).toEqual(how === "callback" ? new RangeError("mine") : "left");
  expect([seen.at(-1)?.method, seen.at(-1)?.path]).toEqual(["DELETE", "/api/generate/job-1"]);
});

test("an edit that failed throws the job's own error, and cancels nothing", async () => {
  const { fetch, seen } = fakeFetch(
    json({ task_id: "job-1", status: "queued" }),
    stream([event("2-0", { status: "error", error_code: "out_of_memory" })]),
    problem("out_of_memory", 500),
  );
  const edit = new Darkroom({ baseUrl: "http://gateway", fetch }).edit("white-balance", { photo: ID });
  await expect(edit).rejects.toMatchObject({ code: "out_of_memory", status: 500 });
  expect(seen).toHaveLength(3);
});

test("an error has all that the gateway says", async () => {
  const wrong = { field: "seed", detail: "Too large.", code: "parameter_invalid" };
  const body = { code: "parameter_invalid", detail: "seed: Too large.", error_type: "InputError", errors: [wrong] };
  const { fetch } = fakeFetch(json(body, 422, { "X-Request-ID": "r-1" }));
  const error: unknown = await new Darkroom({ baseUrl: "http://gateway", fetch }).job("x").cancel().catch((each: unknown) => each);
  expect(error).toBeInstanceOf(DarkroomError);
  expect(error).toMatchObject({
    name: "DarkroomError",
    message: "seed: Too large.",
    status: 422,
    kind: "InputError",
    errors: [wrong],
    requestId: "r-1",
  });
});

test("an answer that is not the gateway's is said to be that", async () => {
  const { fetch } = fakeFetch(() => new Response("<h1>Not here</h1>", { status: 404 }));
  const error: unknown = await new Darkroom({ baseUrl: "http://gateway", fetch }).job("x").status().catch((each: unknown) => each);
  expect(error).toMatchObject({ code: "unexpected_answer", status: 404, kind: undefined, errors: [] });
});

test("an id cannot leave its place in a path", async () => {
  const { fetch, seen } = fakeFetch(problem("job_unknown", 404));
  await expect(new Darkroom({ baseUrl: "http://gateway", fetch }).job("../../v1").status()).rejects.toThrow();
  expect(seen[0]?.path).toBe("/api/generate/status/..%2F..%2Fv1");
});
