// A key and a button for every verdict.
//
//   <div data-verdicts><button data-verdict="reject" data-reason="no_face" data-key="1">…</button>…</div>
//
//   const verdicts = new Verdicts(container, (verdict) => …);   { verdict, smiley, reason }
//   verdicts.key(event)   true when it was one of ours
//
// A letter that is no verdict's key begins the name of a smiley.

import { SmileyField } from "./smiley-field.js";

const BEGINS_A_NAME = /^[a-z:;>\-(|'/]$/i;

export class Verdicts {
  #container;
  #onVerdict;
  #field;
  prompt = ""; // naming the prompt itself is a match

  constructor(container, onVerdict) {
    this.#container = container;
    this.#onVerdict = onVerdict;
    this.#field = new SmileyField(container, (slug) =>
      onVerdict(slug === this.prompt ? say("match") : say("other", { smiley: slug })),
    );
    container.addEventListener("click", (event) => this.#press(event.target.closest("[data-verdict]")));
  }

  key(event) {
    if (this.#field.active) return false;
    const button = this.#container.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (button) this.#press(button);
    else if (BEGINS_A_NAME.test(event.key)) this.#field.open(event.key === "/" ? "" : event.key);
    else return false;
    return true;
  }

  close() {
    this.#field.close();
  }

  #press(button) {
    if (button) this.#onVerdict(say(button.dataset.verdict, { reason: button.dataset.reason }));
  }
}

function say(verdict, { smiley = "", reason = "" } = {}) {
  return { verdict, smiley, reason };
}
