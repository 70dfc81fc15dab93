// Three, two, one, in an element that screen readers announce:
//
//   <p data-countdown data-from="3" data-beat="800" aria-live="assertive"></p>
//
//   await countdown(element, signal);   // false when the signal was aborted

export async function countdown(element, signal) {
  const beat = Number(element.dataset.beat);
  for (let number = Number(element.dataset.from); number > 0; number -= 1) {
    element.textContent = String(number);
    await pause(beat, signal);
    if (signal.aborted) break;
  }
  element.textContent = "";
  return !signal.aborted;
}

export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
