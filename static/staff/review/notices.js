// What went wrong, said politely, and gone after a while or a click.
//
//   <div data-notices role="status" aria-live="polite"></div>

const SHOWN = 9000; // ms

const holder = document.querySelector("[data-notices]");

export function notice(text) {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = text;
  line.addEventListener("click", () => line.remove());
  holder.append(line);
  setTimeout(() => line.remove(), SHOWN);
}

// Several times the same is said once, with how often.
export function notices(texts) {
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  for (const [text, count] of counts) notice(count > 1 ? `${count} photos: ${text}` : text);
}
