/* Sends a video in pieces, goes on after the line was broken, and shows how far it is:

   <form data-video-upload data-most-bytes="2147483648">
     <div data-field="video"><input type="file"></div> <div data-field="source">…</div>
     <button type="submit">…</button> <progress hidden></progress> <p data-said role="status"></p>
   </form>

   Errors stand in the field that they are about. */

const TRIES = 12; // about four minutes
const LONGEST_PAUSE = 30_000;

const form = document.querySelector("[data-video-upload]");
const [bar, said, button] = ["progress", "[data-said]", "[type=submit]"].map((what) => form?.querySelector(what));
const megabytes = (bytes) => `${Math.round(bytes / 1e6).toLocaleString("en")} MB`;
const pause = (milliseconds) => new Promise((done) => window.setTimeout(done, milliseconds));

class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? "The server did not take it. Load this page again and repeat.");
    this.errors = problem.errors ?? {};
    this.received = problem.received;
  }
}

async function post(url, body, type) {
  const headers = { Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  if (type) headers["Content-Type"] = type;
  const answer = await fetch(url, { method: "POST", body, headers });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  const content = isJson ? await answer.json() : {};
  // The disk is full (507) until somebody makes room: no use to try again.
  if (answer.status >= 500 && answer.status !== 507) throw new TypeError(`The server answered ${answer.status}.`);
  if (!answer.ok || !isJson) throw new Refused(content);
  return content;
}

/* Again and again while the line or the server is away, which fetch tells by a TypeError. */
async function persistently(act) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof TypeError) || attempt === TRIES) throw error;
      said.textContent = "The connection is away. It goes on by itself.";
      await pause(Math.min(LONGEST_PAUSE, 500 * 2 ** attempt));
    }
  }
}

async function send(file) {
  const fields = new FormData(form);
  fields.set("name", file.name);
  fields.set("size", file.size);
  const { pieces, piece_bytes: length, page } = await post(window.location.href, fields);
  bar.hidden = false;
  for (let at = 0; at < file.size; ) {
    bar.value = at / file.size;
    said.textContent = `${megabytes(at)} of ${megabytes(file.size)}`;
    const piece = file.slice(at, at + length);
    try {
      at = (await persistently(() => post(`${pieces}?at=${at}`, piece, "application/octet-stream"))).received;
    } catch (error) {
      if (!(error.received > at)) throw error;
      at = error.received;
    }
  }
  return page;
}

function show(field, text) {
  const list = document.createElement("ul");
  list.className = "errorlist";
  list.append(Object.assign(document.createElement("li"), { textContent: text }));
  const place = form.querySelector(`[data-field="${CSS.escape(field)}"]`) ?? form;
  place.classList.add("errors");
  place.prepend(list);
}

function clear() {
  form.querySelectorAll(".errorlist").forEach((list) => list.remove());
  form.querySelectorAll(".errors").forEach((field) => field.classList.remove("errors"));
  said.textContent = "";
}

function fail(error) {
  const errors = Object.entries(error.errors ?? {});
  if (!(error instanceof Refused)) {
    show("video", "The connection broke off and did not come back. Send it again.");
  } else if (errors.length === 0) {
    show("video", error.message);
  }
  for (const [field, [{ message }]] of errors) show(field, message);
  form.querySelector(".errorlist").scrollIntoView({ block: "center" });
  said.textContent = "It did not come in. See above.";
}

const warn = (event) => event.preventDefault();

async function onSubmit(event) {
  event.preventDefault();
  clear();
  const [file] = form.querySelector("input[type=file]").files;
  if (file.size > Number(form.dataset.mostBytes)) {
    show("video", `That are ${megabytes(file.size)}, and at most ${megabytes(Number(form.dataset.mostBytes))} are taken.`);
    return;
  }
  button.disabled = true;
  window.addEventListener("beforeunload", warn);
  try {
    const page = await send(file);
    window.removeEventListener("beforeunload", warn);
    window.location.assign(page);
  } catch (error) {
    fail(error);
  } finally {
    window.removeEventListener("beforeunload", warn);
    button.disabled = false;
    bar.hidden = true;
  }
}

form?.addEventListener("submit", onSubmit);
