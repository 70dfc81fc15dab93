// Asks before the page goes while something would be lost. The words are the browser's own.

export function guardLeaving(losesSomething) {
  window.addEventListener("beforeunload", (event) => {
    if (losesSomething()) event.preventDefault();
  });
}
