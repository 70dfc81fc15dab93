// Talking to the site's API. Whatever goes wrong becomes a Problem: an answer that says no (with its stable code),
// or, with status 0, no answer at all.

export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail = "", retryAfter = null } = {}) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds, where the server named them
  }

  // Worth another try: no answer, the server's own trouble, or "slower" (a spent quota names no time to come back).
  get passes() {
    const slower = this.status === 429 && this.retryAfter !== null;
    return this.status === 0 || this.status === 408 || slower || this.status >= 500;
  }
}

function problem(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's page, not our server's answer.
  }
  const seconds = Number.parseFloat(retryAfter);
  return new Problem({
    status,
    code: body.code ?? `status-${status}`,
    detail: body.detail ?? "",
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
}

export async function getJson(url, { signal } = {}) {
  let response;
  try {
    response = await fetch(url, { signal, headers: { Accept: "application/json" }, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem();
  }
  if (!response.ok) throw problem(response.status, await response.text(), response.headers.get("Retry-After"));
  return response.json();
}

// `keepalive`: the request outlives the page that sends it.
export async function postJson(url, body, { csrf, keepalive = false } = {}) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      keepalive,
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem();
  }
  const text = await response.text();
  if (!response.ok) throw problem(response.status, text, response.headers.get("Retry-After"));
  return text ? JSON.parse(text) : null;
}

// XMLHttpRequest, because fetch cannot tell how much of a body has left.
export function sendForm(url, form, { csrf, onProgress = () => {}, timeout = 60_000 }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.timeout = timeout;
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrf);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Problem()));
    request.addEventListener("timeout", () => reject(new Problem({ code: "timeout" })));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problem(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.send(form);
  });
}
