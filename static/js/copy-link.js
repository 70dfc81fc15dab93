// Copies this page's address, to be pasted into a proper browser.
//
//   <input data-link readonly> <button data-action="copy">Copy the link</button>

export const pageAddress = () => new URL(location.pathname, location.href).href;

export async function copyLink(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Not every app's window allows it: then the address is marked, ready to be copied by hand.
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
