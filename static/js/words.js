// The words that scripts say, written and translated in the page:
//
//   <template id="words"><span data-word="send-count">Send {count}</span></template>
//
//   const say = words(); say("send-count", { count: 2 });

export function words(holder = document.getElementById("words")) {
  const known = new Map();
  for (const word of holder.content.querySelectorAll("[data-word]")) {
    known.set(word.dataset.word, word.textContent.trim());
  }
  return (key, values = {}) => {
    if (!known.has(key)) throw new Error(`The page has no words for "${key}".`);
    return known.get(key).replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  };
}

export function percent(share) {
  return new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(share);
}
