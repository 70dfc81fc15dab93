// Follows one sent photo until the site has looked at it: often at first, then more slowly, and not for ever.
//
//   const photo = await watchPhoto(url);   // null when it takes too long

import { getJson } from "./api.js";
import { pause } from "./countdown.js";

const FIRST_WAIT = 400;
const SLOWER = 1.4;
const LONGEST_WAIT = 5_000;
const PATIENCE = 60_000;

export async function watchPhoto(url) {
  const end = performance.now() + PATIENCE;
  for (let wait = FIRST_WAIT; performance.now() < end; wait = Math.min(LONGEST_WAIT, wait * SLOWER)) {
    await pause(wait);
    try {
      const photo = await getJson(url);
      if (photo.processed) return photo;
    } catch (problem) {
      if (!problem.passes) return null; // withdrawn in another tab, say
      if (problem.retryAfter) await pause(problem.retryAfter * 1000);
    }
  }
  return null;
}
