// The smiley to imitate: face, glyph, one line of how, and how others did it.
//
//   <section data-prompt>
//     <div data-prompt-face></div> <h1><span data-prompt-glyph></span><span data-prompt-title></span></h1>
//     <p data-prompt-how></p>
//     <div data-examples hidden><ul></ul></div>
//   </section>

import { getJson } from "./api.js";

const EXAMPLES = 4;

export class PromptCard {
  #card;
  #seventeen;
  #examplesUrl;
  #slug = "";

  constructor(card, { seventeen, examplesUrl }) {
    this.#card = card;
    this.#seventeen = seventeen;
    this.#examplesUrl = examplesUrl;
  }

  show({ slug, glyph, title, how }) {
    this.#slug = slug;
    const face = this.#seventeen.face(slug);
    this.#part("face").replaceChildren(...(face ? [face] : []));
    this.#part("glyph").textContent = glyph;
    this.#part("title").textContent = title;
    this.#part("how").textContent = how;
    this.#seventeen.setCurrent(slug);
    this.#showExamples(slug);
  }

  async #showExamples(slug) {
    const holder = this.#card.querySelector("[data-examples]");
    holder.hidden = true;
    let examples = [];
    try {
      examples = await getJson(this.#examplesUrl.replace("__slug__", encodeURIComponent(slug)));
    } catch {
      return; // the drawing is example enough
    }
    if (slug !== this.#slug || examples.length === 0) return;
    const pictures = examples.slice(0, EXAMPLES).map(({ image }) => {
      const [item, picture] = [document.createElement("li"), document.createElement("img")];
      picture.src = image;
      picture.alt = "";
      item.append(picture);
      return item;
    });
    holder.querySelector("ul").replaceChildren(...pictures);
    holder.hidden = false;
  }

  #part(name) {
    return this.#card.querySelector(`[data-prompt-${name}]`);
  }
}
