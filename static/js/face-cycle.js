// The character makes one face after another, until it is told to hold still. The faces are those that the page
// shows elsewhere anyway, each a drawing and its glyph.
//
//   <div data-face-cycle="#collection-faces > li">
//     <div data-face><svg class="smiley-face" …></svg><span class="glyph">:P</span></div>
//     <button data-face-cycle-pause aria-pressed="false" aria-label="Hold still" hidden></button>
//   </div>

const BEAT = 2_400;

function cycle(root) {
  const shown = root.querySelector("[data-face]");
  const button = root.querySelector("[data-face-cycle-pause]");
  const faces = [...document.querySelectorAll(root.dataset.faceCycle)];
  if (faces.length < 2) return;
  const glyph = shown.querySelector(".glyph").textContent;
  let current = faces.findIndex((face) => face.querySelector(".glyph").textContent === glyph);
  let timer = null;

  const next = () => {
    current = (current + 1) % faces.length;
    const parts = [".smiley-face", ".glyph"].map((part) => faces[current].querySelector(part).cloneNode(true));
    parts[0].setAttribute("aria-hidden", "true");
    shown.replaceChildren(...parts);
  };
  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, BEAT) : null;
    button.setAttribute("aria-pressed", String(!on));
  };

  button.hidden = false;
  button.addEventListener("click", () => play(timer === null));
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}

for (const root of document.querySelectorAll("[data-face-cycle]")) cycle(root);
