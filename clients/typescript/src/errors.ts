import type { components } from "./schema.js";

/** The body of every error of the gateway (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/** What is wrong with one field of a request. */
export type FieldError = components["schemas"]["FieldError"];

/**
 * The gateway's stable codes, and two of this client's own: no answer came at all, or one that is not the gateway's,
 * such as a proxy's page.
 */
export type ErrorCode = components["schemas"]["ErrorCode"] | "unreachable" | "unexpected_answer";

/** The kinds of the gateway's errors, such as `InputError` (change the request) or `UnavailableError` (come back). */
export type ErrorKind = Problem["error_type"];

interface Facts {
  status: number;
  code: ErrorCode;
  detail: string;
  kind?: ErrorKind | undefined;
  errors?: FieldError[] | undefined;
  retryAfter?: number | undefined;
  requestId?: string | undefined;
}

/** Whatever went wrong except an abort, which throws the signal's own reason. */
export class DarkroomError extends Error {
  /** The answer's status; 0 where none came. */
  readonly status: number;
  readonly code: ErrorCode;
  /** What happened and what to change, in a sentence; also `message`. */
  readonly detail: string;
  readonly kind: ErrorKind | undefined;
  /** Each field that is wrong, where the gateway checked the request field by field; empty otherwise. */
  readonly errors: readonly FieldError[];
  /** Seconds after which the gateway wants to be asked again. */
  readonly retryAfter: number | undefined;
  /** Finds the request in the gateway's log. */
  readonly requestId: string | undefined;

  constructor(facts: Facts, options?: ErrorOptions) {
    super(facts.detail, options);
    this.name = "DarkroomError";
    this.status = facts.status;
    this.code = facts.code;
    this.detail = facts.detail;
    this.kind = facts.kind;
    this.errors = facts.errors ?? [];
    this.retryAfter = facts.retryAfter;
    this.requestId = facts.requestId;
  }
}

/** Returns the error of an answer; `body` is what was read of it, as JSON if it was that. */
export function errorOf(response: Response, body: unknown): DarkroomError {
  const { status } = response;
  const retryAfter = retrySeconds(response);
  const requestId = response.headers.get("X-Request-ID") ?? undefined;
  if (isProblem(body)) {
    const { code, detail, error_type: kind, errors } = body;
    return new DarkroomError({ status, code, detail, kind, errors, retryAfter, requestId });
  }
  const detail = `The answer to ${new URL(response.url || "http://unknown").pathname} has the status ${status} and is not Darkroom's.`;
  return new DarkroomError({ status, code: "unexpected_answer", detail, retryAfter, requestId });
}

/** Returns the error of a request that got no answer. */
export function unreachable(url: string, cause: unknown): DarkroomError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DarkroomError({ status: 0, code: "unreachable", detail: `Cannot reach ${url}: ${reason}` }, { cause });
}

/** Returns the seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3); undefined without it. */
export function retrySeconds(response: Response): number | undefined {
  const text = response.headers.get("Retry-After");
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}
