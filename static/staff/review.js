/* One key per verdict. Each button of the form says its key:

   <form data-review>
     <button name="verdict" value="match" data-key="m">…</button>
   </form>
*/

const form = document.querySelector("[data-review]");

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input, select, textarea")) return;
  const button = form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

// A second press while the next photo loads must not judge this one twice.
function onSubmit() {
  document.removeEventListener("keydown", onKey);
  form.dataset.sent = "";
}

if (form) {
  document.addEventListener("keydown", onKey);
  form.addEventListener("submit", onSubmit);
  // Coming back with the browser's own button shows this page as it was left.
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
}
