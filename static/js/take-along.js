// Words for this very browser, and this page's address to take along out of another app's window.
//
//   <p data-browser="ios" hidden>…</p> <strong data-browser-name></strong>
//   <div data-in-app hidden><div data-take-along>
//     <input data-link readonly> <button data-action="copy">Copy the link</button> <p data-copied role="status"></p>
//   </div></div>

import { browserKind, insideAnotherApp, properBrowser } from "./visitor.js";

export function addressBrowser(root) {
  const kind = browserKind();
  const address = new URL(location.pathname, location.href).href;
  for (const part of root.querySelectorAll("[data-browser]")) part.hidden = part.dataset.browser !== kind;
  for (const part of root.querySelectorAll("[data-browser-name]")) part.textContent = properBrowser();
  for (const field of root.querySelectorAll("[data-link]")) field.value = address;
  root.querySelector("[data-in-app]").hidden = !insideAnotherApp();
}

export async function copyLink(part, say) {
  const copied = await copy(part.querySelector("[data-link]"));
  part.querySelector("[data-copied]").textContent = say(copied ? "copied" : "copy-by-hand");
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Not every app's window allows it: then the address is marked, ready to be copied by hand.
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
