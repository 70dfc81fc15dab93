// Follows one sent photo until the site has looked at it: often at first, then more slowly, and not for ever.
//
//   for await (const photo of watchPhoto(url)) …   // once when processed, once more when the model has an opinion
//
// It ends without a photo when that takes too long.

import { getJson } from "./api.js";
import { pause } from "./countdown.js";

const FIRST_WAIT = 400;
const SLOWER = 1.4;
const LONGEST_WAIT = 5_000;
const PATIENCE = 60_000; // for each of the two

export async function* watchPhoto(url) {
  let end = performance.now() + PATIENCE;
  let found = false;
  for (let wait = FIRST_WAIT; performance.now() < end; wait = Math.min(LONGEST_WAIT, wait * SLOWER)) {
    await pause(wait);
    const photo = await look(url);
    if (photo === "gone") return;
    if (!photo?.processed) continue;
    if (!found || photo.prediction) yield photo;
    if (!photo.prediction_expected) return;
    if (found) continue;
    found = true;
    wait = FIRST_WAIT;
    end = performance.now() + PATIENCE;
  }
}

async function look(url) {
  try {
    return await getJson(url);
  } catch (problem) {
    if (!problem.passes) return "gone"; // withdrawn in another tab, say
    await pause((problem.retryAfter ?? 0) * 1000);
    return null;
  }
}
