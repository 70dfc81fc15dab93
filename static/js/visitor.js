// What kind of browser this is, for words alone: where its camera settings are, and whether it is another app's window.

const AGENT = navigator.userAgent;
const APPLE = /iPhone|iPad|iPod/.test(AGENT) || (/Macintosh/.test(AGENT) && navigator.maxTouchPoints > 1);
const ANDROID = /Android/.test(AGENT);
const APPS = /FBAN|FBAV|Instagram|Snapchat|BytedanceWebview|musical_ly|TikTok|LinkedInApp|Pinterest|MicroMessenger|VKAndroid|VKClient|Line\//;

// Cameras are often refused in there.
export function insideAnotherApp() {
  const view = (ANDROID && /; wv\)/.test(AGENT)) || (APPLE && /AppleWebKit/.test(AGENT) && !/Safari\//.test(AGENT));
  return view || APPS.test(AGENT);
}

// "ios" | "android" | "firefox" | "safari" | "chrome"
export function browserKind() {
  if (APPLE) return "ios";
  if (ANDROID) return /Firefox/.test(AGENT) ? "firefox" : "android";
  if (/Firefox/.test(AGENT)) return "firefox";
  return /Safari\//.test(AGENT) && !/Chrom/.test(AGENT) ? "safari" : "chrome";
}

export function properBrowser() {
  return APPLE ? "Safari" : "Chrome";
}

export function savesData() {
  return navigator.connection?.saveData === true;
}
