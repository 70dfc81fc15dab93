/* The keypoint editor. The page holds the sets of a face as JSON, in pixels of the crop:

   <form data-keypoints data-url="…" data-next="…">
     <svg viewBox="0 0 256 256" tabindex="0"><image…/><g data-points></g></svg>
     <button data-name="0">left eye center</button> …
     <button data-do="undo" data-key="z">…</button> …
   </form>
*/

const SVG = "http://www.w3.org/2000/svg";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Editor {
  constructor(form, sheet) {
    this.form = form;
    this.sheet = sheet;
    this.svg = form.querySelector("svg");
    this.group = form.querySelector("[data-points]");
    this.names = [...form.querySelectorAll("[data-name]")];
    this.past = [];
    this.chosen = 0;
    const from = ["human", "model", "mesh"].find((source) => sheet.sets[source]);
    this.state = from ? this.copyOf(from) : this.inTheMiddle();
    form.querySelector("[data-from]").textContent = from
      ? `These are the ${from === "human" ? "points that somebody placed" : `${from}'s`}.`
      : "Nobody has found any points yet.";
    for (const source of ["mesh", "model"]) {
      form.querySelector(`[data-do="${source}"]`).disabled = !sheet.sets[source];
    }
    this.marks = sheet.names.map((name, index) => this.mark(name, index));
    this.listen();
    this.draw();
    this.svg.focus();
  }

  copyOf(source) {
    const set = this.sheet.sets[source];
    return { points: set.points.map(([x, y]) => [this.inside(x), this.inside(y)]), visible: [...set.visible] };
  }

  inTheMiddle() {
    const middle = this.sheet.size / 2;
    return { points: this.sheet.names.map(() => [middle, middle]), visible: this.sheet.names.map(() => false) };
  }

  inside(value) {
    return Math.round(10 * Math.min(Math.max(value, 0), this.sheet.size)) / 10;
  }

  mark(name, index) {
    const mark = document.createElementNS(SVG, "g");
    for (const [kind, r] of [["keypoint-hit", 9], ["keypoint-ring", 3.2], ["keypoint-dot", 0.9]]) {
      const circle = document.createElementNS(SVG, "circle");
      circle.setAttribute("class", kind);
      circle.setAttribute("r", r);
      mark.append(circle);
    }
    const title = document.createElementNS(SVG, "title");
    title.textContent = name.replaceAll("_", " ");
    mark.append(title);
    mark.addEventListener("pointerdown", (event) => this.drag(event, index));
    this.group.append(mark);
    return mark;
  }

  draw() {
    this.marks.forEach((mark, index) => {
      const [x, y] = this.state.points[index];
      mark.setAttribute("transform", `translate(${x} ${y})`);
      mark.setAttribute("class", `keypoint${this.state.visible[index] ? "" : " keypoint-hidden"}${index === this.chosen ? " keypoint-chosen" : ""}`);
      this.names[index].setAttribute("aria-pressed", String(index === this.chosen));
      this.names[index].classList.toggle("keypoint-hidden", !this.state.visible[index]);
    });
    this.form.querySelector('[data-do="undo"]').disabled = this.past.length === 0;
  }

  say(words) {
    this.form.querySelector("[data-said]").textContent = words;
  }

  choose(index) {
    this.chosen = index;
    this.draw();
    this.say(`${this.names[index].textContent}${this.state.visible[index] ? "" : ", not visible"}`);
  }

  remember() {
    this.past.push(structuredClone(this.state));
  }

  move(index, x, y) {
    this.state.points[index] = [this.inside(x), this.inside(y)];
    this.draw();
  }

  undo() {
    if (this.past.length) this.state = this.past.pop();
    this.draw();
  }

  visible() {
    this.remember();
    this.state.visible[this.chosen] = !this.state.visible[this.chosen];
    this.choose(this.chosen);
  }

  copy(source) {
    if (!this.sheet.sets[source]) return;
    this.remember();
    this.state = this.copyOf(source);
    this.draw();
  }

  at(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
  }

  drag(event, index) {
    event.preventDefault();
    this.svg.focus();
    this.choose(index);
    this.remember();
    const start = this.at(event);
    const [x, y] = this.state.points[index];
    const moved = (next) => {
      const now = this.at(next);
      this.move(index, x + now.x - start.x, y + now.y - start.y);
    };
    const ended = () => {
      this.svg.removeEventListener("pointermove", moved);
      const [endX, endY] = this.state.points[index];
      if (endX === x && endY === y) this.past.pop(); // a click, and nothing to take back
      this.draw();
    };
    this.svg.setPointerCapture(event.pointerId);
    this.svg.addEventListener("pointermove", moved);
    this.svg.addEventListener("lostpointercapture", ended, { once: true });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = event.shiftKey ? 0.1 : 1;
      const [x, y] = this.state.points[this.chosen];
      if (!event.repeat) this.remember(); // a held key is one step to take back
      this.move(this.chosen, x + step * arrow[0], y + step * arrow[1]);
    } else if (event.key === "Tab" && document.activeElement === this.svg) {
      const next = this.chosen + (event.shiftKey ? -1 : 1);
      if (next < 0 || next >= this.marks.length) return; // beyond the ends the focus goes on
      this.choose(next);
    } else if (event.key === "Enter" && document.activeElement === this.svg) {
      this.form.requestSubmit();
    } else {
      const button = this.form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (!button || event.repeat) return;
      button.click();
    }
    event.preventDefault();
  }

  async keep(event) {
    event.preventDefault();
    if (this.sending) return;
    this.sending = true;
    this.say("Keeping …");
    try {
      const answer = await fetch(this.form.dataset.url, {
        method: "PUT",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.form.elements.csrfmiddlewaretoken.value },
        body: JSON.stringify({ ...this.state, seen: this.sheet.seen }),
      });
      if (answer.ok) {
        window.location.assign(this.form.dataset.next);
        return;
      }
      this.say((await answer.json()).detail);
    } catch {
      this.say("The site does not answer. Your points are still here: try again.");
    }
    this.sending = false;
  }

  listen() {
    document.addEventListener("keydown", (event) => this.onKey(event));
    this.form.addEventListener("submit", (event) => this.keep(event));
    this.names.forEach((button, index) => button.addEventListener("click", () => {
      this.choose(index);
      this.svg.focus();
    }));
    for (const button of this.form.querySelectorAll("[data-do]")) {
      const what = button.dataset.do;
      button.addEventListener("click", () => (what === "undo" || what === "visible" ? this[what]() : this.copy(what)));
    }
  }
}

const form = document.querySelector("[data-keypoints]");
if (form) new Editor(form, JSON.parse(document.getElementById("keypoint-sheet").textContent));
