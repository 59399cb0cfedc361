import createClient, { type Client } from "openapi-fetch";
import { errorOf } from "./errors.js";
import { retrying, type Send } from "./retry.js";
import type { paths } from "./schema.js";

/** Every route of the gateway, typed by its OpenAPI document. */
export type Api = Client<paths>;

export interface DarkroomOptions {
  /** Where the gateway is, such as `http://127.0.0.1:8000`; in a browser a path of the page's own origin will do. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer …`. A key in a page is everybody's who can open the page. */
  apiKey?: string | undefined;
  /** Sends the requests in the place of the global `fetch`. */
  fetch?: Send | undefined;
  /** How often a request that cannot do anything twice is sent again; 4 if absent, which is about 8 seconds. */
  retries?: number | undefined;
}

/** The same, for requests that say that they accept JSON where they could have bytes. */
export type JsonApi = Client<paths, "application/json">;

/** Returns a client of every route, with the key and the retries. */
export function connect({ baseUrl, apiKey, fetch, retries = 4 }: DarkroomOptions): Api {
  // The global is looked up at each call: frameworks and tests replace it.
  const send = fetch ?? ((request: Request) => globalThis.fetch(request));
  const headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
  return createClient<paths>({ baseUrl, headers, fetch: retrying(send, retries) });
}

/** Returns what an answer holds. Throws `DarkroomError` where it is an error. */
export function read<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  if (!answer.response.ok) throw errorOf(answer.response, answer.error);
  return answer.data as Data;
}

/** Returns a header that makes repeating a request safe: all its repetitions together are one. */
export function once(key?: string): { "Idempotency-Key": string } {
  return { "Idempotency-Key": key ?? randomKey() };
}

/** 128 random bits in hex: `crypto.randomUUID` is missing on pages that came without TLS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
