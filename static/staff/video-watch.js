/* Shows how far the worker is, without loading the page again:

   <div data-video-watch data-again>…</div>

   As long as it says data-again, it is fetched again every two seconds. */

const EVERY = 2000;

async function look() {
  const shown = document.querySelector("[data-video-watch]");
  if (!shown?.hasAttribute("data-again")) return;
  if (!document.hidden) {
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-video-watch]");
      if (fresh) shown.replaceWith(document.adoptNode(fresh));
    } catch {
      // The server is away for a moment: the next look may find it again.
    }
  }
  window.setTimeout(look, EVERY);
}

window.setTimeout(look, EVERY);
