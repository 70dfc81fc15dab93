// The grid: a page of one smiley, presumed right. Struck photos get another verdict; Enter records the page and shows
// the next, which is there already.

import { done, Stopwatch } from "./pace.js";
import { codeAt, labels, shape } from "./layout.js";
import { Look } from "./look.js";
import { notice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { inWords, post, settings, showPrompt } from "./session.js";
import { Supply } from "./supply.js";
import { Verdicts } from "./verdicts.js";

const PRESUMED = { verdict: "match", smiley: "", reason: "" };
const STRUCK = { verdict: "reject", smiley: "", reason: "not_trying" };
const UNDO = 10; // pages
const LONG_PRESS = 450; // ms

const grid = document.querySelector("[data-grid]");
const cellTemplate = document.querySelector("[data-cell]");
const recordButton = document.querySelector("[data-record]");
const undoButton = document.querySelector("[data-undo]");
const empty = document.querySelector("[data-empty]");
const closer = document.querySelector("[data-closer]");
const look = new Look(closer);
const watch = new Stopwatch();
const steps = []; // recorded pages that can be undone
const label = await labels();

let form = shape();
let page = []; // { card, verdict, cell }
let looked = null; // what the close look is at
let busy = false;

const supply = new Supply({ count: () => form.columns * form.rows, ahead: 1 });
const outbox = new Outbox({ onRecorded: remember });
const verdicts = new Verdicts(closer, (verdict) => {
  strike(looked, verdict.verdict === "match" ? PRESUMED : verdict);
  closer.close();
});

async function next() {
  busy = true;
  recordButton.disabled = true;
  try {
    show(await supply.next(), new Map());
  } catch (problem) {
    show([], new Map());
    notice(problem.detail || "The site does not answer. Look again in a moment.");
  } finally {
    busy = false;
  }
}

function show(cards, verdictOf) {
  form = shape();
  grid.style.setProperty("--columns", form.columns);
  grid.style.setProperty("--rows", form.rows);
  page = cards.map((card, index) => ({ card, verdict: verdictOf.get(card.photo) ?? PRESUMED, cell: cellOf(card, index) }));
  grid.replaceChildren(...page.map(({ cell }) => cell));
  page.forEach(draw);
  const shown = page.length > 0;
  empty.hidden = shown;
  document.querySelector("[data-prompt]").hidden = !shown;
  recordButton.disabled = !shown;
  if (shown) showPrompt(cards[0].smiley);
  count();
  watch.restart();
  performance.mark("page-shown");
}

function cellOf(card, index) {
  const cell = cellTemplate.content.firstElementChild.cloneNode(true);
  cell.dataset.index = index;
  cell.querySelector("img").src = card.pictures.crop || card.pictures.image;
  const code = codeAt(index, form);
  cell.dataset.code = code ?? "";
  cell.querySelector("kbd").textContent = code ? label(code) : "";
  return cell;
}

function draw({ verdict, cell }, index) {
  const struck = verdict !== PRESUMED;
  cell.setAttribute("aria-pressed", String(struck));
  cell.classList.toggle("hides", ["indecent", "under_age"].includes(verdict.reason));
  cell.querySelector(".cell-verdict").textContent = struck ? inWords(verdict) : "";
  cell.ariaLabel = `Photo ${index + 1}: ${struck ? inWords(verdict) : "presumed right"}`;
}

function strike(entry, verdict) {
  entry.verdict = verdict;
  draw(entry, page.indexOf(entry));
  count();
}

function toggle(entry) {
  strike(entry, entry.verdict === PRESUMED ? STRUCK : PRESUMED);
}

function count() {
  const struck = page.filter(({ verdict }) => verdict !== PRESUMED).length;
  const words = struck ? `Record ${page.length - struck} and strike ${struck}` : `Record ${page.length}`;
  document.querySelector("[data-record-words]").textContent = page.length ? words : "Record";
}

function record() {
  if (busy || !page.length) return;
  const seconds = watch.seconds / page.length;
  outbox.add({
    mode: settings.mode,
    cards: page.map(({ card }) => card),
    said: new Map(page.map(({ card, verdict }) => [card.photo, verdict])),
    verdicts: page.map(({ card, verdict }) => ({ photo: card.photo, seconds, ...verdict })),
  });
  done(page.length);
  performance.mark("page-recorded");
  next();
}

function remember({ cards, said }, results) {
  const reviews = results.map((result) => result.review).filter(Boolean);
  supply.recorded(cards);
  supply.drop(cards);
  if (!reviews.length) return;
  steps.push({ reviews, said });
  if (steps.length > UNDO) steps.shift();
  undoButton.disabled = false;
}

// The page as it was, with what was struck; the one in front comes after it.
async function undo() {
  if (busy) return;
  busy = true;
  try {
    await outbox.empty();
    const step = steps.pop();
    undoButton.disabled = steps.length === 0;
    if (!step) return;
    const { results } = await post("undo", { reviews: step.reviews });
    const cards = results.map((result) => result.photo).filter(Boolean);
    const refused = results.find((result) => result.problem);
    if (refused) notice(refused.problem.detail);
    if (!cards.length) return;
    done(-cards.length);
    if (page.length) supply.putBack(page.map(({ card }) => card));
    supply.putBack(cards);
    show(await supply.next(), step.said);
  } catch (problem) {
    notice(problem.detail || "The site does not answer: nothing was undone.");
  } finally {
    busy = false;
  }
}

async function lookAt(entry) {
  looked = entry;
  verdicts.prompt = entry.card.smiley;
  look.show({ ...entry.card, pictures: { ...entry.card.pictures, image: "" } });
  closer.showModal();
  const image = await supply.image(entry.card).catch(() => "");
  if (looked === entry) look.show({ ...entry.card, pictures: { ...entry.card.pictures, image } });
}

function step(direction) {
  const now = Number(document.activeElement?.closest(".cell")?.dataset.index ?? -1);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -form.columns, ArrowDown: form.columns }[direction];
  const to = now < 0 ? 0 : now + by;
  page[to]?.cell.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (closer.open) {
    const typing = event.target.matches("input");
    if (!event.repeat && !typing && (look.key(event) || verdicts.key(event))) event.preventDefault();
    return;
  }
  if (event.target.closest("a, input, select, [data-again], [data-unsent], #header button")) return;
  const entry = page[page.findIndex(({ cell }) => cell.dataset.code && cell.dataset.code === event.code)];
  if (event.key.startsWith("Arrow")) step(event.key);
  else if (event.repeat) return;
  else if (event.key === "Enter") record();
  else if (event.key === "Backspace") undo();
  else if (entry) event.shiftKey ? lookAt(entry) : toggle(entry);
  else return;
  event.preventDefault();
});

function entryOf(event) {
  const cell = event.target.closest(".cell");
  return cell ? page[Number(cell.dataset.index)] : null;
}

let press = null;
grid.addEventListener("pointerdown", (event) => {
  const entry = entryOf(event);
  if (!entry) return;
  press = { entry, long: false };
  press.timer = setTimeout(() => {
    press.long = true;
    lookAt(entry);
  }, LONG_PRESS);
});
for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
  grid.addEventListener(end, () => clearTimeout(press?.timer));
}
grid.addEventListener("click", (event) => {
  const entry = entryOf(event);
  const long = press?.long;
  press = null;
  if (entry && !long) event.shiftKey ? lookAt(entry) : toggle(entry);
});
grid.addEventListener("contextmenu", (event) => event.preventDefault());
recordButton.addEventListener("click", record);
undoButton.addEventListener("click", undo);
document.querySelector("[data-again]").addEventListener("click", next);
closer.addEventListener("close", () => {
  verdicts.close();
  looked?.cell.focus();
  looked = null;
});

await next();
