// The grid of all smileys: how far this person has come, and a way to choose any of them.
//
//   <span data-count></span>
//   <ul data-seventeen>
//     <li><button class="cell" data-slug="tongue" data-glyph=":P" data-title="…" data-how="…">
//       <svg …></svg><span class="glyph">:P</span><span class="visually-hidden" data-cell-state></span>
//     </button></li>
//   </ul>

export class Seventeen {
  #grid;
  #count;
  #say;

  constructor(grid, count, { say, onChoose }) {
    this.#grid = grid;
    this.#count = count;
    this.#say = say;
    this.#showCount();
    grid.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-slug]");
      if (cell) onChoose(this.smiley(cell.dataset.slug));
    });
  }

  // The first in the grid that is neither done nor among `others`, or null.
  firstBut(others) {
    const open = this.#cells.filter((cell) => !cell.classList.contains("done"));
    const cell = open.find(({ dataset }) => !others.has(dataset.slug));
    return cell ? this.smiley(cell.dataset.slug) : null;
  }

  smiley(slug) {
    const cell = this.#cell(slug);
    if (!cell) return null;
    const { glyph, title, how } = cell.dataset;
    return { slug, glyph, title, how };
  }

  face(slug) {
    return this.#cell(slug)?.querySelector(".smiley-face")?.cloneNode(true) ?? null;
  }

  setCurrent(slug) {
    for (const cell of this.#cells) {
      if (cell.dataset.slug === slug) cell.setAttribute("aria-current", "true");
      else cell.removeAttribute("aria-current");
    }
  }

  // With the photo's picture it flies from where it is into its cell.
  markDone(slug, picture = null) {
    const cell = this.#cell(slug);
    if (!cell) return;
    cell.classList.add("done");
    cell.querySelector("[data-cell-state]").textContent = this.#say("cell-done");
    this.#showCount();
    if (picture) this.#drop(cell, picture);
  }

  #drop(cell, picture) {
    const shown = cell.querySelector("img") ?? document.createElement("img");
    shown.alt = "";
    shown.src = picture.src;
    cell.prepend(shown);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const [from, to] = [picture.getBoundingClientRect(), shown.getBoundingClientRect()];
    if (!from.width || !to.width) return;
    const start = `translate(${from.x - to.x}px, ${from.y - to.y}px) scale(${from.width / to.width})`;
    shown.animate([{ transform: start, transformOrigin: "0 0" }, { transform: "none", transformOrigin: "0 0" }], {
      duration: 250,
      easing: "ease-out",
    });
  }

  #showCount() {
    const done = this.#cells.filter((cell) => cell.classList.contains("done")).length;
    this.#count.textContent = this.#say("count", { done, total: this.#cells.length });
  }

  get #cells() {
    return [...this.#grid.querySelectorAll("[data-slug]")];
  }

  #cell(slug) {
    return this.#grid.querySelector(`[data-slug="${CSS.escape(slug)}"]`);
  }
}
