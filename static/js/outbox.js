// What became of the photos of this visit: a card each, from "sending" to what the model saw.
//
//   <section data-outbox hidden>
//     <h2 data-outbox-heading></h2>
//     <ul data-outbox-cards></ul>
//     <template data-outbox-card><li class="sent-card" …></li></template>
//   </section>

import { percent } from "./words.js";
import { watchPhoto } from "./photo-watch.js";

export class Outbox {
  #section;
  #cards = new Map();
  #queue;
  #say;
  #seventeen;
  #onAgain;
  #onSent;

  // onAgain: a smiley is to be made once more; onSent: a photo has arrived.
  constructor(section, queue, { say, seventeen, onAgain, onSent }) {
    this.#section = section;
    this.#queue = queue;
    this.#say = say;
    this.#seventeen = seventeen;
    this.#onAgain = onAgain;
    this.#onSent = onSent;
    queue.addEventListener("change", ({ detail }) => this.#update(detail));
  }

  get empty() {
    return this.#cards.size === 0;
  }

  // A new prompt's photos push out the older ones that arrived; the personal page keeps them all.
  clear() {
    for (const [item, card] of this.#cards) {
      if (item.state !== "sent") continue;
      card.remove();
      this.#cards.delete(item);
    }
    this.#section.hidden = this.empty;
  }

  #update(item) {
    const card = this.#cards.get(item) ?? this.#addCard(item);
    const bar = card.querySelector("[data-progress]");
    bar.value = item.loaded;
    bar.hidden = item.state === "sent" || item.state === "refused";
    card.querySelector("[data-refused]").hidden = item.state !== "refused";
    card.querySelector("[data-read]").hidden = item.problem?.status !== 403;
    card.dataset.state = item.state;
    if (item.state === "sent" && !card.dataset.followed) {
      card.dataset.followed = "yes";
      this.#onSent();
      this.#follow(item, card);
    } else if (item.state !== "sent") {
      this.#status(card, this.#line(item));
    }
    this.#head();
  }

  #head() {
    const heading = this.#section.querySelector("[data-outbox-heading]");
    const refused = [...this.#cards.keys()].some((item) => item.state === "refused");
    const text = this.#say(this.#queue.unsent ? "sending-heading" : refused ? "refused-heading" : "sent-heading");
    if (heading.textContent !== text) heading.textContent = text; // said once, not at every byte
    this.#section.hidden = this.empty;
  }

  #addCard(item) {
    const template = this.#section.querySelector("[data-outbox-card]");
    const card = template.content.firstElementChild.cloneNode(true);
    card.querySelector("img").src = URL.createObjectURL(item.blob);
    card.querySelector("[data-retry]").addEventListener("click", () => this.#queue.retry(item));
    card.querySelector("[data-drop]").addEventListener("click", () => this.#drop(item, card));
    this.#section.querySelector("[data-outbox-cards]").append(card);
    this.#cards.set(item, card);
    return card;
  }

  #drop(item, card) {
    this.#queue.drop(item);
    this.#cards.delete(item);
    card.remove();
    this.#head();
  }

  #line(item) {
    if (item.state === "refused") return this.#say("refused", { reason: item.problem.detail || item.problem.code });
    if (item.state === "resting") return this.#say(navigator.onLine ? "resting" : "offline");
    return this.#say(item.state);
  }

  async #follow(item, card) {
    this.#status(card, this.#say("looking"));
    this.#seventeen.markDone(item.smiley, card.querySelector("img"));
    for await (const photo of watchPhoto(item.photo.url)) {
      card.dataset.face = photo.faces.length ? "found" : "missing";
      this.#status(card, this.#say(`face-${card.dataset.face}`));
      this.#showHint(card, item, photo.hints[0]); // the most important one
      if (photo.prediction) this.#showPrediction(card, photo.prediction);
    }
    if (!card.dataset.face) this.#status(card, this.#say("looking-long"));
  }

  // Advice, and a way to follow it. The photo is kept all the same: people decide about it, not we.
  #showHint(card, item, hint) {
    const part = card.querySelector("[data-hints]");
    if (!hint || !part.hidden) return;
    part.querySelector("p").textContent = hint;
    const again = part.querySelector("button");
    const { glyph } = this.#seventeen.smiley(item.smiley);
    again.querySelector("span").textContent = this.#say("try-again", { glyph });
    again.addEventListener("click", () => this.#onAgain(item.smiley));
    part.hidden = false;
  }

  #showPrediction(card, { smiley, glyph, share }) {
    const verdict = card.querySelector("[data-verdict]");
    verdict.querySelector("[data-verdict-face]").replaceChildren(this.#seventeen.face(smiley) ?? "");
    const sentence = this.#say("model-sees", { glyph, share: percent(share) });
    verdict.querySelector("[data-verdict-words]").textContent = sentence;
    const bar = verdict.querySelector("progress");
    bar.value = share;
    bar.setAttribute("aria-label", sentence);
    verdict.hidden = false;
  }

  #status(card, text) {
    const line = card.querySelector("[data-status]");
    if (line.textContent !== text) line.textContent = text;
  }
}
