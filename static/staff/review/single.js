// One photo after the other: close up, blind, a key for every verdict, and the next is there at once.

import { Look } from "./look.js";
import { done, Stopwatch } from "./pace.js";
import { notice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { inWords, post, settings, showPrompt } from "./session.js";
import { Supply } from "./supply.js";
import { Verdicts } from "./verdicts.js";

const AHEAD = 6; // photos a claim
const UNDO = 10;

const page = document.querySelector("[data-single]");
const empty = document.querySelector("[data-empty]");
const given = document.querySelector("[data-given]");
const givenItem = document.querySelector("[data-given-item]");
const watch = new Stopwatch();
const look = new Look(page);
const steps = []; // given verdicts, newest last: { card, said, review, item }

let queue = []; // cards at hand
let card = null;
let busy = true;

const supply = new Supply({ count: () => AHEAD, ahead: 1 });
const outbox = new Outbox({ onRecorded: remember });
const verdicts = new Verdicts(page.querySelector("[data-verdicts]"), judge);

async function next() {
  busy = true;
  try {
    if (!queue.length) queue = await supply.next();
    show(queue.shift() ?? null);
  } catch (problem) {
    show(null);
    notice(problem.detail || "The site does not answer. Look again in a moment.");
  } finally {
    busy = false;
  }
}

function show(shown) {
  card = shown;
  page.hidden = card === null;
  empty.hidden = card !== null;
  if (card === null) return;
  showPrompt(card.smiley);
  verdicts.prompt = card.smiley;
  look.show(card);
  page.querySelector("[data-flags]").replaceChildren(...card.flags.map(chip));
  watch.restart();
  performance.mark("photo-shown");
}

function chip(words) {
  const item = document.createElement("li");
  item.textContent = words;
  return item;
}

function judge(said) {
  if (busy || card === null) return;
  outbox.add({
    mode: settings.mode,
    cards: [card],
    verdicts: [{ photo: card.photo, seconds: watch.seconds, ...said }],
    step: list(card, said),
  });
  done(1);
  performance.mark("photo-judged");
  next();
}

// Shown at once, undone or revealed once it is recorded.
function list(judged, said) {
  const item = givenItem.content.firstElementChild.cloneNode(true);
  item.querySelector("img").src = judged.pictures.crop || judged.pictures.image;
  item.querySelector("span").textContent = inWords(said);
  const step = { card: judged, said, item, review: null };
  item.querySelector("[data-reveal]").addEventListener("click", () => reveal(step));
  given.prepend(item);
  return step;
}

function remember({ step }, [result]) {
  supply.recorded([step.card]);
  if (!result.review) {
    forget(step);
    return;
  }
  step.review = result.review;
  steps.push(step);
  if (steps.length > UNDO) forget(steps.shift());
  undoable();
}

function forget(step) {
  step.item.remove();
  supply.drop([step.card]);
}

function undoable() {
  for (const button of document.querySelectorAll("[data-undo]")) button.disabled = steps.length === 0;
}

async function undo() {
  if (busy) return;
  busy = true;
  try {
    await outbox.empty();
    const step = steps.pop();
    undoable();
    if (!step) return;
    const { results } = await post("undo", { reviews: [step.review] });
    const [{ problem }] = results;
    if (problem) {
      notice(problem.detail);
      forget(step);
      return;
    }
    step.item.remove();
    done(-1);
    if (card) queue.unshift(card);
    queue.unshift(...(await supply.again([step.card])));
    show(queue.shift());
  } catch (problem) {
    notice(problem.detail || "The site does not answer: nothing was undone.");
  } finally {
    busy = false;
  }
}

// From then on the verdict stands, for it is blind no longer.
async function reveal(step) {
  if (!step.review) return;
  try {
    const { others } = await post("reveal", { review: step.review });
    step.item.querySelector("[data-reveal]").replaceWith(others.length ? others.join(", ") : "nobody else yet");
    steps.splice(steps.indexOf(step), 1);
    supply.drop([step.card]);
    undoable();
  } catch (problem) {
    notice(problem.detail || "The site does not answer.");
  }
}

// It stays claimed while this page is open, so that it does not come back at once.
function skip() {
  if (!busy && card) next();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("a, input, select, [data-again], [data-unsent], #header button")) return;
  const key = event.key.toLowerCase();
  if (key === "z") undo();
  else if (card === null) return;
  else if (key === "0") skip();
  else if (!look.key(event) && !verdicts.key(event)) return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-undo]")) button.addEventListener("click", undo);
page.querySelector("[data-skip]").addEventListener("click", skip);
document.querySelector("[data-again]").addEventListener("click", next);

await next();
