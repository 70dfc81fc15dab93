// Naming another smiley by its letters: the glyph (":D"), or the beginning of a word of its name ("gri").
//
//   <input data-smiley-field role="combobox" aria-controls="smiley-list" …>
//   <ul data-smiley-list id="smiley-list" role="listbox"></ul>
//
//   new SmileyField(container, (slug) => …);   Enter takes the first, a click any

import { settings } from "./session.js";

const SHOWN = 6;

export class SmileyField {
  #input;
  #list;
  #onChoose;
  #found = [];

  constructor(container, onChoose) {
    this.#input = container.querySelector("[data-smiley-field]");
    this.#list = container.querySelector("[data-smiley-list]");
    this.#onChoose = onChoose;
    this.#input.addEventListener("input", () => this.#show());
    this.#input.addEventListener("focus", () => this.#show());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("blur", () => this.#hide());
    // Before the field loses the focus, and with it the list.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#choose(event.target.closest("[data-slug]")?.dataset.slug));
  }

  get active() {
    return document.activeElement === this.#input;
  }

  open(letters) {
    this.#input.value = letters;
    this.#input.focus();
    this.#show();
  }

  close() {
    this.#input.value = "";
    this.#input.blur();
  }

  #onKey(event) {
    if (event.key === "Enter") this.#choose(this.#found[0]?.slug);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #choose(slug) {
    if (!slug) return;
    this.close();
    this.#onChoose(slug);
  }

  #show() {
    this.#found = search(this.#input.value).slice(0, SHOWN);
    this.#list.replaceChildren(...this.#found.map(option));
    this.#input.setAttribute("aria-expanded", String(this.#found.length > 0));
    this.#list.hidden = false;
  }

  #hide() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
  }
}

function option(smiley, index) {
  const item = document.createElement("li");
  item.role = "option";
  item.dataset.slug = smiley.slug;
  item.ariaSelected = String(index === 0);
  const drawing = document.createElement("img");
  Object.assign(drawing, { src: smiley.drawing, alt: "", width: 32, height: 32 });
  const glyph = document.createElement("span");
  glyph.className = "glyph";
  glyph.textContent = smiley.glyph;
  item.append(drawing, glyph, ` ${smiley.title}`);
  return item;
}

// Best first: the very glyph, a glyph that begins so, a word that begins so, anything that has it.
function search(letters) {
  const wanted = letters.trim().toLowerCase();
  const rank = ({ glyph, slug, title }) => {
    const drawn = glyph.toLowerCase();
    if (drawn === wanted) return 0;
    if (drawn.startsWith(wanted)) return 1;
    const words = `${slug} ${title}`.toLowerCase().split(/[\s-]+/);
    if (slug.startsWith(wanted) || words.some((word) => word.startsWith(wanted))) return 2;
    return drawn.includes(wanted) ? 3 : 4;
  };
  return settings.smileys
    .filter((smiley) => smiley.active)
    .map((smiley) => [rank(smiley), smiley])
    .filter(([found]) => found < 4)
    .sort(([one], [other]) => one - other)
    .map(([, smiley]) => smiley);
}
