/* Shows how far a job is, without loading the page again until it is over:

   <section data-work-watch data-again>…</section>

   As long as it says data-again, it is fetched again every two seconds. */

const EVERY = 2000;

async function look() {
  const shown = document.querySelector("[data-work-watch][data-again]");
  if (!shown) return;
  if (!document.hidden) {
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-work-watch]");
      if (!fresh?.hasAttribute("data-again")) return void window.location.reload();
      shown.replaceWith(document.adoptNode(fresh));
    } catch {
      // The server is away for a moment: the next look may find it again.
    }
  }
  window.setTimeout(look, EVERY);
}

window.setTimeout(look, EVERY);
