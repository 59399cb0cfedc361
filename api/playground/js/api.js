/** Every request of the page goes through here: keys, problems, and a gateway that is away for a moment. */

import { pause } from "./dom.js";

const KEY_PLACE = "darkroom.key";
const PASSING = new Set([0, 502, 503, 504]);
const LONGEST_PAUSE = 10_000;

/**
 * @typedef {{field: string, detail: string, code: string}} FieldProblem what is wrong with one field of a request
 * @typedef {{request: (path: string, options?: RequestInit) => Promise<Response>, isKeyed: () => boolean}} Api
 */

/** What the gateway refused, or that nothing answered: then `status` is 0 and `code` "offline". */
export class ApiError extends Error {
  /** @param {{status: number, code: string, detail: string, errors?: FieldProblem[], retryAfter?: number}} problem */
  constructor({ status, code, detail, errors = [], retryAfter = 0 }) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    /** Seconds, as the gateway says. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed in a moment. */
  get isPassing() {
    return PASSING.has(this.status);
  }
}

/**
 * Make the one way to the gateway.
 * @param {object} hooks
 * @param {(error: ApiError) => Promise<string | null>} hooks.askForKey asks the person for an API key; null if none is given
 * @param {(isOnline: boolean) => void} hooks.onConnection is told whether the gateway answers
 * @returns {Api} `request` resolves with a good answer, and throws ApiError for every other; `isKeyed` tells whether it sends a key
 */
export function createApi({ askForKey, onConnection }) {
  let key = sessionStorage.getItem(KEY_PLACE);
  /** @type {Promise<string | null> | null} */
  let asking = null;

  async function send(path, options) {
    const headers = new Headers(options.headers);
    if (key) headers.set("Authorization", `Bearer ${key}`);
    try {
      const response = await fetch(path, { ...options, headers });
      onConnection(true);
      return response;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      onConnection(false);
      throw offline();
    }
  }

  async function renewKey(error) {
    asking ??= askForKey(error).finally(() => {
      asking = null;
    });
    const given = await asking;
    if (!given) throw error;
    key = given;
    sessionStorage.setItem(KEY_PLACE, given);
  }

  async function request(path, options = {}) {
    for (;;) {
      const sentWith = key;
      const response = await send(path, options);
      if (response.ok) return response;
      const error = await problemOf(response);
      if (error.status !== 401) throw error;
      if (sentWith === key) await renewKey(error);
    }
  }

  return { request, isKeyed: () => key !== null };
}

/**
 * Do something that asks the gateway, again and again while it is away or busy.
 * @template T
 * @param {() => Promise<T>} action
 * @param {{signal?: AbortSignal, onWait: (error: ApiError) => void}} options
 * @returns {Promise<T>}
 */
export async function patiently(action, { signal, onWait }) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isPassing) throw error;
      onWait(error);
      await pause(Math.max(error.retryAfter * 1000, Math.min(500 * 2 ** tries, LONGEST_PAUSE)), signal);
    }
  }
}

/**
 * Say what to show of an error.
 * @param {unknown} error
 * @returns {string}
 */
export function wordsOf(error) {
  if (error instanceof ApiError) return error.detail;
  console.error(error);
  return "Something went wrong in this page. Reload it; running edits go on.";
}

/** @returns {ApiError} */
export function offline() {
  return new ApiError({ status: 0, code: "offline", detail: "The gateway does not answer. Trying again…" });
}

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const { status } = response;
  try {
    const { code, detail, errors } = await response.json();
    return new ApiError({ status, code, detail, errors, retryAfter });
  } catch {
    return new ApiError({ status, code: "unreadable", detail: `The gateway answered ${status}.`, retryAfter });
  }
}
