// Photos on their way: in memory, a few at a time, tried again until the server has answered. The client id makes a
// repeat harmless, so an answer that got lost costs nothing.
//
//   const queue = new UploadQueue({ send: (item, onProgress) => … });
//   queue.addEventListener("change", ({ detail: item }) => …);
//   queue.add({ blob, smiley: "tongue", liveScore: 0.87 });

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const TOO_LONG_TO_WAIT = 120; // seconds; a daily quota, say: better told than sat out

export class UploadQueue extends EventTarget {
  #send;
  #atOnce;
  #items = [];

  constructor({ send, atOnce = 3 }) {
    super();
    this.#send = send;
    this.#atOnce = atOnce;
    window.addEventListener("online", () => this.#hurry());
    window.addEventListener("offline", () => this.#tell());
  }

  // How many are still on their way.
  get unsent() {
    return this.#items.filter((item) => item.state !== "sent" && item.state !== "refused").length;
  }

  // How many would be lost if the page closed now: one that was refused may still be tried again.
  get wouldBeLost() {
    return this.#items.filter((item) => item.state !== "sent").length;
  }

  add({ blob, smiley, liveScore = null }) {
    const clientId = crypto.randomUUID();
    const item = { clientId, blob, smiley, liveScore, state: "waiting", loaded: 0, tries: 0, photo: null };
    this.#items.push(item);
    this.#changed(item);
    this.#fill();
    return item;
  }

  // Once more, because somebody asks for it: the reason of a refusal may be gone.
  retry(item) {
    if (item.state === "refused") this.#wake(item);
  }

  // Whoever lets it go, knows.
  drop(item) {
    if (item.state === "refused") this.#items.splice(this.#items.indexOf(item), 1);
  }

  #fill() {
    const sending = this.#items.filter((item) => item.state === "sending").length;
    const waiting = this.#items.filter((item) => item.state === "waiting");
    for (const item of waiting.slice(0, Math.max(0, this.#atOnce - sending))) this.#try(item);
  }

  async #try(item) {
    item.state = "sending";
    item.loaded = 0;
    item.tries += 1;
    this.#changed(item);
    try {
      item.photo = await this.#send(item, (share) => {
        item.loaded = share;
        this.#changed(item);
      });
      item.state = "sent";
      item.loaded = 1;
    } catch (problem) {
      item.problem = problem;
      if (problem.passes && (problem.retryAfter ?? 0) <= TOO_LONG_TO_WAIT) this.#tryLater(item, problem);
      else item.state = "refused";
    }
    this.#changed(item);
    this.#fill();
  }

  #tryLater(item, problem) {
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (item.tries - 1));
    // Full jitter, so that a room full of phones does not come back in step.
    const wait = Math.max((problem.retryAfter ?? 0) * 1000, most / 4 + Math.random() * most * 0.75);
    item.state = "resting";
    item.timer = setTimeout(() => this.#wake(item), wait);
  }

  #wake(item) {
    clearTimeout(item.timer);
    item.state = "waiting";
    this.#fill();
  }

  #hurry() {
    for (const item of this.#items) {
      if (item.state === "resting" && item.problem.status === 0) this.#wake(item);
    }
  }

  // What waits does so for another reason now.
  #tell() {
    for (const item of this.#items) if (item.state === "resting") this.#changed(item);
  }

  #changed(item) {
    this.dispatchEvent(new CustomEvent("change", { detail: item }));
  }
}
