// How many photos a page of the grid has, and which key strikes which: keys lie on the keyboard as photos on the page.

const ROWS = ["Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0",
  "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP",
  "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon",
  "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash"].map((row) => row.split(" ")); // prettier-ignore
const SIGNS = { Semicolon: ";", Comma: ",", Period: ".", Slash: "/" };

// Four rows of six; more columns where the window is wide, and upright on a phone.
export function shape() {
  if (window.innerWidth < 700) return { columns: 4, rows: 6, keys: false };
  const columns = window.innerWidth >= 2400 ? 10 : window.innerWidth >= 1800 ? 8 : 6;
  return { columns, rows: ROWS.length, keys: true };
}

export function codeAt(index, { columns, keys }) {
  return keys ? (ROWS[Math.floor(index / columns)]?.[index % columns] ?? null) : null;
}

// What is printed on a key: the layout's own letter where the browser tells, else the US one.
export async function labels() {
  const layout = await navigator.keyboard?.getLayoutMap?.().catch(() => null);
  return (code) => (layout?.get(code) ?? SIGNS[code] ?? code.replace(/^(Key|Digit)/, "")).toUpperCase();
}
