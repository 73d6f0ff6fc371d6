// Requests to the server's API, and what a refused one says.

const API = "/api";
const LONGEST_WISH = 120; // s that a server or proxy may ask for; more would be a mistake of its own

/** A request without the wished-for reply; `status` is 0 where our server did not answer at all. */
class Refusal extends Error {
  constructor(status, error = {}, wait = 0) {
    super(error.message ?? "The server cannot be reached");
    this.status = status;
    this.kind = error.kind ?? "";
    this.hint = error.hint ?? "";
    this.wait = wait;
  }
}

/** The JSON that the API replies. A proxy's own pages count as no reply: nothing may be thrown away for them. */
async function request(method, path, body, seconds = 20) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    const reply = await fetch(API + path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: stop.signal,
    });
    if (reply.status === 204) return null;
    const given = await reply.json().catch(() => null);
    if (reply.ok && given !== null) return given;
    throw new Refusal(given?.error ? reply.status : 0, given?.error, retryAfter(reply));
  } catch (problem) {
    throw problem instanceof Refusal ? problem : new Refusal(0);
  } finally {
    clearTimeout(timer);
  }
}

/** Seconds that a refusal asks to wait, also a proxy's; 0 where it says nothing, or a date. */
function retryAfter(reply) {
  const seconds = Number(reply.headers.get("retry-after"));
  return seconds > 0 ? Math.min(seconds, LONGEST_WISH) : 0;
}

/** A little later than was asked for: not all pages at the same moment. */
function later(seconds) {
  return seconds * 1000 * (1 + Math.random() / 4);
}

/** Sends without waiting for a reply, for a page that closes. */
function sendBeacon(path, body) {
  navigator.sendBeacon?.(API + path, new Blob([JSON.stringify(body)], { type: "application/json" }));
}
