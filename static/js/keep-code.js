// Two ways to keep what is shown once: the clipboard and, where there is a button for it, the printer.
//
//   <div data-keep-code>
//     <code data-code>…</code> <button data-copy hidden></button> <button data-print hidden></button>
//     <span role="status" data-copied="Copied." data-not-copied="…"></span>
//   </div>

for (const root of document.querySelectorAll("[data-keep-code]")) {
  const said = root.querySelector("[role=status]");
  const code = root.querySelector("[data-code]");

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = said.dataset.copied;
    } catch {
      getSelection().selectAllChildren(code);
      said.textContent = said.dataset.notCopied;
    }
  };

  for (const [name, act] of [["copy", copy], ["print", () => window.print()]]) {
    const button = root.querySelector(`[data-${name}]`);
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", act);
  }
}
