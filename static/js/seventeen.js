// The grid of all smileys: how far this person has come, and a way to choose any of them.
//
//   <ul data-seventeen>
//     <li><button class="cell" data-slug="tongue" data-glyph=":P" data-title="…" data-how="…">
//       <svg …></svg><span class="glyph">:P</span><span class="visually-hidden" data-cell-state></span>
//     </button></li>
//   </ul>

export class Seventeen {
  #grid;
  #say;

  constructor(grid, { say, onChoose }) {
    this.#grid = grid;
    this.#say = say;
    grid.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-slug]");
      if (cell) onChoose(this.smiley(cell.dataset.slug));
    });
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
    for (const cell of this.#grid.querySelectorAll("[data-slug]")) {
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

  #cell(slug) {
    return this.#grid.querySelector(`[data-slug="${CSS.escape(slug)}"]`);
  }
}
