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
  #say;
  #seventeen;

  constructor(section, queue, { say, seventeen }) {
    this.#section = section;
    this.#say = say;
    this.#seventeen = seventeen;
    queue.addEventListener("change", ({ detail }) => this.#update(detail, queue));
  }

  get empty() {
    return this.#cards.size === 0;
  }

  // A new prompt's photos push the older ones out; the personal page keeps them all.
  clear() {
    for (const [item, card] of this.#cards) {
      if (item.state !== "sent" && item.state !== "refused") continue;
      card.remove();
      this.#cards.delete(item);
    }
    this.#section.hidden = this.empty;
  }

  #update(item, queue) {
    const card = this.#cards.get(item) ?? this.#addCard(item);
    const bar = card.querySelector("[data-progress]");
    bar.value = item.loaded;
    bar.hidden = item.state === "sent" || item.state === "refused";
    card.dataset.state = item.state;
    if (item.state === "sent" && !card.dataset.followed) {
      card.dataset.followed = "yes";
      this.#follow(item, card);
    } else if (item.state !== "sent") {
      this.#status(card, this.#line(item));
    }
    const heading = this.#section.querySelector("[data-outbox-heading]");
    const refused = [...this.#cards.keys()].some((other) => other.state === "refused");
    const text = this.#say(queue.unsent ? "sending-heading" : refused ? "refused-heading" : "sent-heading");
    if (heading.textContent !== text) heading.textContent = text; // said once, not at every byte
  }

  #addCard(item) {
    const template = this.#section.querySelector("[data-outbox-card]");
    const card = template.content.firstElementChild.cloneNode(true);
    card.querySelector("img").src = URL.createObjectURL(item.blob);
    this.#section.querySelector("[data-outbox-cards]").append(card);
    this.#section.hidden = false;
    this.#cards.set(item, card);
    return card;
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
      if (photo.prediction) this.#showPrediction(card, photo.prediction);
    }
    if (!card.dataset.face) this.#status(card, this.#say("looking-long"));
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
