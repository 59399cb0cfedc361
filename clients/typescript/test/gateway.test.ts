import { readFile } from "node:fs/promises";
import { Darkroom, type JobStatus } from "@darkroom/client";
import { beforeAll, describe, expect, test } from "vitest";

const BASE_URL = process.env["DARKROOM_URL"] ?? "";
const photoOf = (name: string) => readFile(new URL(`../../../tests/data/${name}`, import.meta.url));

describe.skipIf(!BASE_URL)("beside a gateway", () => {
  const darkroom = new Darkroom({ baseUrl: BASE_URL });
  let pad: Uint8Array;
  let mask: Uint8Array;

  beforeAll(async () => {
    [pad, mask] = await Promise.all([photoOf("launch-pad.jpg"), photoOf("removal-mask.png")]);
  });

  test("an edit gives a picture of the photo's size, and tells its way there", async () => {
    const told: JobStatus[] = [];
    const edited = await darkroom.edit("removal", { photo: pad, mask, seed: 7, onProgress: (each) => told.push(each) });
    expect(edited).toMatchObject({ width: 640, height: 427, model: "opencv", seed: 7 });
    expect(edited.parameters.operation).toBe("removal");
    expect(new Uint8Array(await edited.image.slice(1, 4).arrayBuffer())).toEqual(new TextEncoder().encode("PNG"));
    expect(told.at(-1)).toMatchObject({ status: "done", progress: 1, task_id: edited.jobId });
    const job = darkroom.job(edited.jobId);
    expect((await job.image("webp")).type).toBe("image/webp");
    expect((await darkroom.image(edited.imageId)).size).toBe(edited.image.size);
    expect((await job.status()).status).toBe("done");
    expect((await job.cancel()).status).toBe("done");
  });

  test("the same submit under the same key is one job", async () => {
    const idempotencyKey = crypto.randomUUID();
    const photo = new Blob([await photoOf("astronaut.jpg")]);
    const one = await darkroom.submit("white-balance", { photo, idempotencyKey, seed: 1 });
    const two = await darkroom.submit("white-balance", { photo, idempotencyKey, seed: 1 });
    expect(two.id).toBe(one.id);
    const other = darkroom.submit("white-balance", { photo, idempotencyKey, seed: 2 });
    await expect(other).rejects.toMatchObject({ code: "idempotency_conflict", status: 409, kind: "ConflictError" });
    await one.result();
  });

  test("a stream whose connection is cut goes on where it was, once for each event", async () => {
    const job = await darkroom.submit("white-balance", { photo: pad, seed: 8 });
    const places: (string | null)[] = [];
    const cutting = new Darkroom({
      baseUrl: BASE_URL,
      fetch: async (request) => {
        const answer = await fetch(request);
        places.push(request.headers.get("Last-Event-ID"));
        return places.length === 1 && answer.body ? new Response(answer.body.pipeThrough(cutAfterAnEvent()), answer) : answer;
      },
    });
    const all: JobStatus[] = [];
    for await (const status of cutting.job(job.id).events()) all.push(status);
    expect(places[0]).toBeNull();
    expect(places[1]).toMatch(/^\d+-\d+$/);
    const whole: JobStatus[] = [];
    for await (const status of job.events()) whole.push(status);
    const steps = (list: JobStatus[]) => list.map(({ status, progress, message }) => [status, progress, message]);
    expect(new Set(steps(all).map(String)).size).toBe(all.length);
    expect(all.at(-1)?.status).toBe("done");
    expect(steps(whole).at(-1)).toEqual(steps(all).at(-1));
  });

  test("a cancelled job ends as the cancel says", async () => {
    const job = await darkroom.submit("white-balance", { photo: pad, seed: 9 });
    const { status } = await job.cancel();
    let last: JobStatus | undefined;
    for await (const each of job.events()) last = each;
    expect(last?.status).toBe(status);
    if (status === "cancelled") await expect(job.result()).rejects.toMatchObject({ code: "job_cancelled", status: 409 });
  });

  test("a click gives a mask that an edit takes by its id", async () => {
    const photo = await darkroom.upload(await photoOf("coffee.jpg"));
    const found = await darkroom.smartMask(photo, { points: [[300, 150]], labels: [1] });
    expect(found).toMatchObject({ photoId: photo, width: 600, height: 400, candidate: 0 });
    expect(found.area).toBeGreaterThan(100);
    expect(found.candidates[0]?.box).toHaveLength(4);
    const job = await darkroom.submit("removal", { photo, mask: found.maskId });
    await job.cancel();
    const strokes = await darkroom.smartMask(photo, { mask: await photoOf("masks/coffee-cup.png"), use_blur: true });
    expect(strokes.maskId).toMatch(/^[0-9a-f]{64}$/);
    expect((await darkroom.smartMask(await photoOf("chelsea.jpg"))).area).toBeGreaterThan(100);
  });

  test("each utility answers with its picture", async () => {
    const { utilities } = darkroom;
    const small = await utilities.resize(pad, { width: 320, format: "webp", quality: 60 });
    expect(small).toMatchObject({ width: 320, format: "webp", image: { type: "image/webp" } });
    expect(await utilities.crop(small.imageId, { box: [0, 0, 20, 10] })).toMatchObject({ width: 20, height: 10 });
    expect(await utilities.crop(pad, { aspect: [1, 1] })).toMatchObject({ width: 427, height: 427 });
    expect((await utilities.encode(pad, { format: "jpeg", max_bytes: 20_000 })).image.size).toBeLessThanOrEqual(20_000);
    expect(await utilities.mae(pad, { mask, mask_tool_type: "box" })).toMatchObject({ width: 640 });
    expect(await utilities.canny(pad, { low: 80, high: 160 })).toMatchObject({ width: 640 });
    const object = await utilities.extractObject(pad, { mask, background: "transparent" });
    expect(object.width).toBe(object.height);
    expect(await utilities.addShadowPreview(object.imageId, { offset: [2, 4] })).toMatchObject({ width: object.width });
  });

  test("what the gateway refuses is an error with its code and its fields", async () => {
    const wrong = darkroom.submit("removal", { photo: pad, mask, seed: -1, num_inference_steps: 1000 });
    await expect(wrong).rejects.toMatchObject({
      status: 422,
      kind: "InputError",
      code: "parameter_invalid",
      errors: [{ field: "num_inference_steps" }, { field: "seed" }],
    });
    await expect(darkroom.upload("photo.jpg")).rejects.toMatchObject({ code: "base64_invalid" });
    await expect(darkroom.job(crypto.randomUUID()).result()).rejects.toMatchObject({ code: "job_unknown", status: 404 });
  });

  test("an abort ends a request that computes", async () => {
    const controller = new AbortController();
    const asked = darkroom.smartMask(await photoOf("astronaut.jpg"), { points: [[250, 100]], signal: controller.signal });
    controller.abort("enough");
    await expect(asked).rejects.toBe("enough");
  });

  test("health and every other route are there, typed", async () => {
    const { services } = await darkroom.health();
    expect(services["generation"]?.workers[0]).toMatchObject({ engine: "opencv", profile: "a100" });
    const path = "/api/generate/stream/0f8fad5b-d9cb-469f-a165-70867728950e";
    const { data } = await darkroom.api.POST("/api/tokens", { body: { path, seconds: 60 } });
    expect(data?.url).toContain(path);
  });
});

/** Ends after the first event that has an id. */
function cutAfterAnEvent(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  return new TransformStream({
    transform(piece, controller) {
      controller.enqueue(piece);
      if (/^id: /m.test(decoder.decode(piece))) controller.terminate();
    },
  });
}
