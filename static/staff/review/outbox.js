// Verdicts on their way: sent one batch after the other, tried again until they arrive, so that nobody waits for it.
//
//   const outbox = new Outbox({ onRecorded(batch, results) { … } });
//   outbox.add({ mode, verdicts, cards });
//   await outbox.empty();
//
//   <body data-sending>      while some have not arrived
//   <p data-unsent role="status" hidden></p>

import { notice, notices } from "./notices.js";
import { post } from "./session.js";

const LONGEST = 30; // seconds between tries

export class Outbox {
  #batches = [];
  #sending = null;
  #onRecorded;
  #note = document.querySelector("[data-unsent]");
  #retry = () => {};

  constructor({ onRecorded }) {
    this.#onRecorded = onRecorded;
    this.#note.addEventListener("click", () => this.#retry());
    window.addEventListener("online", () => this.#retry());
    window.addEventListener("beforeunload", (event) => this.#batches.length && event.preventDefault());
  }

  add(batch) {
    this.#batches.push(batch);
    document.body.dataset.sending = "";
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
      delete document.body.dataset.sending;
    });
  }

  async empty() {
    while (this.#sending) await this.#sending;
  }

  async #send() {
    let wait = 1;
    while (this.#batches.length) {
      const [batch] = this.#batches;
      try {
        const { results } = await post("verdicts", { mode: batch.mode, verdicts: batch.verdicts });
        this.#batches.shift();
        notices(results.filter((result) => result.problem).map((result) => result.problem.detail));
        this.#onRecorded(batch, results);
        wait = 1;
        this.#note.hidden = true;
      } catch (problem) {
        if (!problem.passes && problem.status !== 403) {
          this.#batches.shift(); // it would be refused again
          notice(problem.detail || "The site did not understand these verdicts. They are not recorded.");
          continue;
        }
        await this.#later(problem, wait);
        wait = Math.min(2 * wait, LONGEST);
      }
    }
  }

  // Nothing is lost meanwhile: the verdicts stay here until they arrive, or the page is left.
  #later(problem, seconds) {
    const unsent = this.#batches.reduce((sum, batch) => sum + batch.verdicts.length, 0);
    const signedOut = problem.status === 403;
    this.#note.textContent = signedOut
      ? `You are signed out, or this page is too old. ${unsent} verdicts are not recorded: sign in in another window, then click here.`
      : `${unsent} verdicts are not recorded yet: the site does not answer. They are sent again by themselves.`;
    this.#note.hidden = false;
    return new Promise((resolve) => {
      const timer = signedOut ? null : setTimeout(resolve, (problem.retryAfter ?? seconds) * 1000);
      this.#retry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
