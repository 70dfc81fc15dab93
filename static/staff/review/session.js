// What the page was told about this sitting: addresses, the filter, smileys, reasons.
//
//   <script type="application/json" id="review-settings">{"mode": "grid", "csrf": "…", "urls": {…}, …}</script>

import { postJson } from "../../js/api.js";

export const settings = JSON.parse(document.getElementById("review-settings").textContent);
export const smileys = new Map(settings.smileys.map((smiley) => [smiley.slug, smiley]));
const reasons = new Map(settings.reasons.map((reason) => [reason.value, reason.label]));

export function post(name, body, options = {}) {
  return postJson(settings.urls[name], body, { csrf: settings.csrf, ...options });
}

// A verdict as people say it: "match", ":D", "not trying".
export function inWords({ verdict, smiley, reason }) {
  if (verdict === "other") return smileys.get(smiley)?.glyph ?? smiley;
  return verdict === "reject" ? reasons.get(reason) : verdict;
}

// The prompt of what is shown now.
//
//   <div data-prompt><img data-prompt-drawing><span data-prompt-glyph></span><span data-prompt-title></span>…</div>
export function showPrompt(slug) {
  const smiley = smileys.get(slug);
  const drawing = document.querySelector("[data-prompt-drawing]");
  if (drawing.getAttribute("src") !== smiley.drawing) drawing.src = smiley.drawing;
  for (const part of ["glyph", "title", "how"]) {
    document.querySelector(`[data-prompt-${part}]`).textContent = smiley[part];
  }
}
