// <quire-timeline> adds to the rows that the server has rendered: search, collapsing, zoom and pan by
// keyboard, wheel and touch, a card for each bar, growing bars, and an overview of long runs.
import { duration } from "./times.js";

const width = 100_000; // length of the time axis in SVG units, as on the server
const overviewFrom = 2000; // least number of commands for an overview
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 216e5, 432e5, 864e5];

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

class Timeline extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    this.zoom = 1;
    this.pan = 0; // in SVG units, at most 0
    this.seen = performance.now(); // when the last event was received
    this.addTools();
    this.addCard();
    this.addGestures();
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.reveal());
    window.addEventListener("resize", () => this.drawOverview());
    this.bars = this.getElementsByClassName("open"); // includes the rows around the bars
    this.growing = setInterval(() => this.grow(), 1000);
    this.changed();
    this.reveal();
  }

  get run() { return document.querySelector("#run"); }
  get start() { return Number(this.run.dataset.start); }
  get length() { return Number(this.run.dataset.end) - this.start; }

  // changed has to be called when rows have changed.
  changed() {
    this.seen = performance.now();
    this.overview();
    this.grow();
    if (this.field.value) this.search(this.field.value);
  }

  addTools() {
    this.field = element("input", { type: "search", placeholder: "Search jobs and commands", ariaLabel: "Search jobs and commands", value: new URL(location).searchParams.get("q") ?? "" });
    this.field.addEventListener("input", () => {
      const url = new URL(location);
      this.field.value ? url.searchParams.set("q", this.field.value) : url.searchParams.delete("q");
      history.replaceState(null, "", url);
      this.search(this.field.value);
    });
    this.found = element("span", { className: "note", role: "status" });
    const button = (text, label, act) => {
      const made = element("button", { type: "button", textContent: text, ariaLabel: label, title: label });
      made.addEventListener("click", act);
      return made;
    };
    this.tools = element("p", { className: "tools" }, this.field,
      button("▸", "Collapse all jobs", () => this.toggle(false)), button("▾", "Expand all jobs", () => this.toggle(true)),
      button("+", "Zoom in", () => this.zoomBy(2)), button("−", "Zoom out", () => this.zoomBy(0.5)), button("Reset", "Reset to the whole run", () => this.show(1, 0)),
      button("Copy", "Copy the command that was focused last", () => this.copy()), button("?", "Keys", () => this.help()), this.found);
    this.querySelector("h2").after(this.tools);
  }

  toggle(open) {
    for (const job of this.querySelectorAll("details.job")) job.open = open;
  }

  // search hides commands that do not contain the text, and jobs without any match.
  search(text) {
    const wanted = text.trim().toLowerCase();
    let count = 0;
    for (const job of this.querySelectorAll("details.job")) {
      const all = !wanted || Boolean(job.querySelector("summary .name")?.textContent.toLowerCase().includes(wanted));
      let some = all;
      for (const row of job.querySelectorAll("li.row")) {
        const has = all || row.textContent.toLowerCase().includes(wanted);
        row.classList.toggle("hidden", !has);
        some ||= has;
        if (has && wanted) count++;
      }
      job.classList.toggle("hidden", !some);
      if (wanted && some) job.open = true;
    }
    if (wanted || this.wanted) this.found.textContent = wanted ? `${count} command${count === 1 ? "" : "s"} found` : ""; // otherwise keep the message of copy()
    this.wanted = wanted;
  }

  // reveal opens the job of the row that the address names.
  reveal() {
    const row = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row || !this.contains(row)) return;
    const job = row.closest("details.job");
    if (job && !job.open) job.open = true;
    row.scrollIntoView({ block: "center" });
  }

  show(zoom, pan) {
    this.zoom = Math.min(Math.max(zoom, 1), Math.max(1, this.length));
    this.pan = Math.min(0, Math.max(pan, width / this.zoom - width));
    this.style.setProperty("--zoom", this.zoom);
    this.style.setProperty("--pan", this.pan);
    this.drawAxis();
    this.drawOverview();
  }

  // zoomBy zooms around a position on the axis, from 0 to 1.
  zoomBy(factor, at = 0.5) {
    const place = (at * width) / this.zoom - this.pan;
    const zoom = Math.min(Math.max(this.zoom * factor, 1), Math.max(1, this.length));
    this.show(zoom, (at * width) / zoom - place);
  }

  panBy(part) { this.show(this.zoom, this.pan + (part * width) / this.zoom); }

  drawAxis() {
    const axis = this.querySelector("#axis .ticks");
    const shown = this.length / this.zoom, from = (-this.pan / width) * this.length;
    const most = Math.max(2, Math.floor(axis.clientWidth / 70)); // ticks that fit
    const step = steps.find((ms) => shown / ms <= most) ?? Math.ceil(shown / most / 864e5) * 864e5;
    const marks = [];
    for (let ms = Math.ceil(from / step) * step || step; ms < from + shown; ms += step) {
      const at = `${((ms - from) / shown) * 100}%`;
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      for (const [name, value] of Object.entries({ x1: at, x2: at, y1: 0, y2: 20 })) line.setAttribute(name, value);
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      for (const [name, value] of Object.entries({ x: at, dx: 4, y: 14 })) text.setAttribute(name, value);
      text.textContent = duration(ms).replace(".0s", "s");
      marks.push(line, text);
    }
    axis.replaceChildren(...marks);
  }

  // grow extends the bars of open jobs and commands up to now, and shows for how long they have been running. When the axis is
  // too short for that, the server has to render a longer one.
  grow() {
    const { events, now, end } = this.run.dataset;
    if (!events) return clearInterval(this.growing);
    if (!now) return; // the run has had no event for long
    const ms = Number(now) + performance.now() - this.seen - this.start;
    const until = Math.min(width, (ms / this.length) * width);
    for (const bar of this.bars) {
      if (bar.localName !== "rect") continue;
      const x = Number(bar.getAttribute("x"));
      bar.setAttribute("width", Math.max(100, Math.round(until - x)));
      bar.closest(".row").querySelector(".took").textContent = duration(Math.floor((ms - (x / width) * this.length) / 1000) * 1000).replace(/\.0s|ms/, "s");
    }
    if (ms > this.length && this.outgrown !== end) {
      this.outgrown = end; // if that did not help, the clocks do not agree
      this.dispatchEvent(new Event("outgrown"));
    }
  }

  addCard() {
    this.card = element("div", { id: "card", hidden: true });
    this.append(this.card);
    const over = (event) => {
      const row = event.target.closest?.(".row:not(#axis)");
      if (event.type === "focusin" && row?.matches("li")) this.row = row;
      row ? this.showCard(row) : this.hideCard();
    };
    this.addEventListener("pointerover", (event) => event.pointerType === "mouse" && over(event));
    this.addEventListener("pointerleave", () => this.hideCard());
    this.addEventListener("focusin", over);
    this.addEventListener("focusout", () => this.hideCard());
  }

  hideCard() { this.card.hidden = true; }

  showCard(row) {
    const text = (selector) => row.querySelector(`:scope > ${selector}`)?.textContent.trim() ?? "";
    const job = row.closest(".pair, details.job").querySelector("bdi").textContent;
    const command = row.matches("li");
    const begin = row.querySelector("rect:not(.busy)");
    const offset = begin ? (Number(begin.getAttribute("x")) / width) * this.length : 0;
    const facts = row.matches(".pair") ? [job, text(".took"), text(".change")]
      : [command ? `${job} · command ${row.querySelector(".seq").textContent}` : job, row.querySelector(".state")?.textContent.replace("log", "").trim(), `from ${duration(offset)}`, text(".took") !== "–" && `${row.querySelector("rect.open") ? "for" : "took"} ${text(".took")}`, text(".alone") && `${text(".alone")}: speeding this job up saves no more`];
    const card = [element("p", {}, facts.filter(Boolean).join(" · "))];
    if (command && row.querySelector("code")) card.push(element("pre", { textContent: this.command(row) }));
    this.card.replaceChildren(...card);
    this.card.hidden = false;
    const box = row.getBoundingClientRect(), size = this.card.getBoundingClientRect();
    const below = box.bottom + 6 + size.height < innerHeight;
    this.card.style.left = `${Math.max(4, Math.min(box.left + box.width / 3, innerWidth - size.width - 8))}px`;
    this.card.style.top = `${below ? box.bottom + 6 : Math.max(4, box.top - size.height - 6)}px`;
  }

  command(row) { return (row.querySelector("pre.text") ?? row.querySelector("code")).textContent; }

  addGestures() {
    const fingers = new Map();
    const place = (x) => {
      const box = this.querySelector("#axis .ticks").getBoundingClientRect();
      return (x - box.left) / box.width;
    };
    this.addEventListener("wheel", (event) => {
      if (!event.target.closest("svg, canvas")) return;
      const aside = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey || event.altKey) {
        event.preventDefault();
        this.zoomBy(2 ** (-event.deltaY / 200), place(event.clientX));
      } else if (event.shiftKey || aside) {
        event.preventDefault();
        this.panBy(-(aside ? event.deltaX : event.deltaY) / 600);
      }
    }, { passive: false });
    this.addEventListener("pointerdown", (event) => {
      // A touch on a bar can hit the link above it, so the whole row counts. If the browser itself pans or zooms, it cancels the pointer.
      if (event.target.closest(event.pointerType === "touch" ? ".row" : "svg")) fingers.set(event.pointerId, event.clientX);
    });
    this.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const before = [...fingers.values()];
      fingers.set(event.pointerId, event.clientX);
      const now = [...fingers.values()];
      if (now.length === 1 && this.zoom > 1) this.panBy(place(now[0]) - place(before[0]));
      if (now.length === 2) {
        const spread = Math.abs(now[0] - now[1]) / Math.max(1, Math.abs(before[0] - before[1]));
        this.zoomBy(spread, place((now[0] + now[1]) / 2));
      }
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) this.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }

  rows() { return [...this.querySelectorAll("details.job:not(.hidden) > summary, details.job[open]:not(.hidden) li.row:not(.hidden) > a.name")]; }

  move(by) {
    const rows = this.rows(), at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) {
      if (event.key === "Escape" && event.target === this.field) this.field.blur();
      return;
    }
    const acts = {
      "?": () => this.help(), "/": () => setTimeout(() => this.field.focus()), "+": () => this.zoomBy(2), "=": () => this.zoomBy(2), "-": () => this.zoomBy(0.5), 0: () => this.show(1, 0),
      ArrowLeft: () => this.panBy(0.2), ArrowRight: () => this.panBy(-0.2), h: () => this.panBy(0.2), l: () => this.panBy(-0.2), j: () => this.move(1), k: () => this.move(-1),
      e: () => this.toggle(true), x: () => this.toggle(false), c: () => this.copy(), n: () => this.nextFailed(1), p: () => this.nextFailed(-1), Escape: () => this.hideCard(),
    };
    const act = acts[event.key];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  }

  nextFailed(by) {
    const failed = [...this.querySelectorAll("li.row.failed > a.name")];
    if (failed.length === 0) return;
    const at = failed.indexOf(document.activeElement);
    const next = failed[(at + by + failed.length) % failed.length];
    next.closest("details").open = true;
    next.focus();
  }

  async copy() {
    if (!this.row) return void (this.found.textContent = "Choose a command first.");
    const done = await navigator.clipboard?.writeText(this.command(this.row)).then(() => true, () => false);
    this.found.textContent = done ? "The command is copied." : "The browser does not allow the page to copy.";
  }

  help() {
    const keys = [["/", "search"], ["j k", "next and previous row"], ["n p", "next and previous failed command"], ["+ − 0", "zoom in, zoom out, show all"], ["← →", "pan"], ["e x", "expand and collapse all jobs"], ["c", "copy the command that was focused last"], ["?", "these keys"]];
    const dialog = element("dialog", { ariaLabel: "Keys" }, element("table", {}, element("tbody", {}, ...keys.map(([key, does]) => element("tr", {}, element("th", { scope: "row" }, ...key.split(" ").flatMap((k) => [element("kbd", { textContent: k }), " "])), element("td", { textContent: does })))))),
      close = element("button", { type: "button", textContent: "Close" });
    close.addEventListener("click", () => dialog.close());
    dialog.append(close);
    dialog.addEventListener("close", () => dialog.remove());
    this.append(dialog);
    dialog.showModal();
  }

  // overview adds to a long run a drawing of all commands, to navigate in.
  overview() {
    if (this.canvas || this.querySelectorAll("li.row").length < overviewFrom) return this.drawOverview();
    this.canvas = element("canvas", { className: "overview", ariaHidden: "true" });
    this.tools.after(this.canvas);
    const go = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width;
      this.show(Math.max(this.zoom, 4), width / Math.max(this.zoom, 4) / 2 - at * width);
      const row = this.tops?.[Math.floor(((event.clientY - box.top) / box.height) * this.tops.length)];
      row?.scrollIntoView({ block: "center" });
    };
    this.canvas.addEventListener("pointerdown", (event) => { this.canvas.setPointerCapture(event.pointerId); go(event); });
    this.canvas.addEventListener("pointermove", (event) => event.buttons && go(event));
    this.drawOverview();
  }

  drawOverview() {
    const canvas = this.canvas;
    if (!canvas) return;
    const style = getComputedStyle(this), ratio = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const draw = canvas.getContext("2d");
    if (!this.image || this.imageOf !== this.seen || this.image.width !== canvas.width) {
      this.imageOf = this.seen;
      this.image = new OffscreenCanvas(canvas.width, canvas.height);
      const paint = this.image.getContext("2d");
      this.tops = [...this.querySelectorAll("details.job")];
      const colors = Object.fromEntries(["failed", "open", "complete", "tolerated", "job", "busy"].map((kind) => [kind, style.getPropertyValue(`--${kind}`)]));
      const height = canvas.height / Math.max(1, this.tops.length);
      this.tops.forEach((job, i) => {
        for (const bar of job.querySelectorAll("summary rect, li.failed rect")) {
          paint.fillStyle = colors[bar.classList[0]] ?? colors.open;
          paint.fillRect((Number(bar.getAttribute("x")) / width) * canvas.width, i * height, Math.max(1, (Number(bar.getAttribute("width")) / width) * canvas.width), Math.max(1, height));
        }
      });
    }
    draw.drawImage(this.image, 0, 0);
    draw.strokeStyle = style.getPropertyValue("--focus");
    draw.lineWidth = 2 * ratio;
    draw.strokeRect((-this.pan / width) * canvas.width, 1, canvas.width / this.zoom, canvas.height - 2);
  }
}

customElements.define("quire-timeline", Timeline);
