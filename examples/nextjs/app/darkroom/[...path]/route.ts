/**
 * The gateway for this app's own pages: the server adds the API key, which the browser never sees.
 *
 * What comes and goes is passed on as it flows, event streams too. Whoever can open the page can edit on the key's
 * account: put your sign-in before it, where `refusal` is.
 */

const GATEWAY = process.env.DARKROOM_URL ?? "http://127.0.0.1:8000";
const KEY = process.env.DARKROOM_API_KEY;

const ID = "[0-9a-f-]{36,64}";
/** What the pages may ask for; nothing else of the gateway is reachable. */
const ROUTES = [
  ["POST", /^\/api\/(?:generate\/async|smart-mask|images)$/],
  ["GET", new RegExp(`^/api/(?:generate/(?:status|stream|result|result-image)|images)/${ID}$`)],
  ["DELETE", new RegExp(`^/api/generate/${ID}$`)],
] as const;

const ASKED = ["accept", "content-type", "idempotency-key", "last-event-id"];
const ANSWERED = ["content-type", "etag", "location", "retry-after", "x-request-id"];

async function pass(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const path = pathname.replace(/^\/darkroom/, "");
  const refused = refusal(request, path);
  if (refused) return refused;

  const headers = picked(request.headers, ASKED);
  if (KEY) headers.set("authorization", `Bearer ${KEY}`);
  try {
    const answer = await fetch(GATEWAY + path + search, {
      method: request.method,
      headers,
      body: request.body,
      // The upload goes on while it comes in, and ends with its visitor.
      duplex: "half",
      signal: request.signal,
      cache: "no-store",
    } as RequestInit);
    const told = picked(answer.headers, ANSWERED);
    // A proxy that compresses an event stream holds its events back.
    told.set("cache-control", "private, no-store, no-transform");
    return new Response(answer.body, { status: answer.status, headers: told });
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    console.error("The gateway does not answer:", error);
    return Response.json({ code: "unreachable", detail: "The image server does not answer." }, { status: 502 });
  }
}

/** Says no to what the pages do not ask for, and to pages of others. */
function refusal(request: Request, path: string): Response | undefined {
  const site = request.headers.get("sec-fetch-site") ?? "same-origin";
  if (site !== "same-origin") return new Response(null, { status: 403 });
  const isKnown = ROUTES.some(([method, pattern]) => method === request.method && pattern.test(path));
  return isKnown ? undefined : new Response(null, { status: 404 });
}

function picked(headers: Headers, names: string[]): Headers {
  const found = names.map((name) => [name, headers.get(name)] as const);
  return new Headers(found.filter((each): each is [string, string] => each[1] !== null));
}

export { pass as DELETE, pass as GET, pass as POST };
