// Offers a receipt code once photos have arrived, and shows it where the offer was. Kept is only that there is one.
//
//   <section data-receipt data-held="" hidden>
//     <form action="/receipt/new/" data-receipt-offer><button>Get a code …</button></form>
//     <p role="alert" data-receipt-problem></p>
//     <div data-receipt-ticket tabindex="-1" hidden>… <code data-code></code> … <button data-receipt-kept>I have it</button></div>
//   </section>

import { sendForm } from "./api.js";

export class ReceiptOffer {
  #section;
  #settings;
  #onKept;

  // onKept: the code was put away, and with it whatever had the focus.
  constructor(section, { receiptsUrl, csrf }, { onKept = () => {} } = {}) {
    this.#section = section;
    this.#onKept = onKept;
    this.#settings = { receiptsUrl, csrf };
    this.#part("kept").addEventListener("click", () => this.#close());
    this.#part("offer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(event.submitter);
    });
  }

  // Somebody has photos here now; whoever has a code already is not asked, for a second one would end the first.
  show() {
    if (!this.#section.hasAttribute("data-held")) this.#section.hidden = false;
  }

  async #ask(button) {
    button.disabled = true;
    this.#part("problem").textContent = "";
    try {
      const { code } = await sendForm(this.#settings.receiptsUrl, new FormData(), { csrf: this.#settings.csrf });
      this.#section.querySelector("[data-code]").textContent = code;
      this.#section.dataset.held = "";
      this.#part("offer").hidden = true;
      this.#part("ticket").hidden = false;
      this.#part("ticket").focus();
    } catch (problem) {
      this.#part("problem").textContent = problem.detail || this.#part("problem").dataset.unreachable;
    }
    button.disabled = false;
  }

  #close() {
    this.#section.hidden = true;
    this.#section.querySelector("[data-code]").textContent = "";
    this.#onKept();
  }

  #part(name) {
    return this.#section.querySelector(`[data-receipt-${name}]`);
  }
}
