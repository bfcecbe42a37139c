// live keeps the page of a run up to date, with the parts of it that have changed, which the server renders.
import { connected, page, parse, pause, wait } from "./connection.js";
import { times } from "./times.js";

export function live(run) {
  const timeline = run.querySelector("quire-timeline");
  let whole = false, busy = false, ended = false;
  let source, last, timer;

  // connect receives events after the last one. It sends the digest of the stream, which may have been
  // rewritten meanwhile. An EventSource that reconnects by itself does not send that, and gives up when a
  // proxy answers in place of the server.
  function connect() {
    clearTimeout(timer);
    source?.close();
    if (ended || document.hidden) return;
    const address = new URL(run.dataset.events, location);
    if (last) for (const [name, value] of Object.entries(last)) address.searchParams.set(name, value);
    source = new EventSource(address);
    source.onopen = () => connected(true);
    source.onmessage = receive;
    source.onerror = () => {
      connected(false);
      source.close();
      clearTimeout(timer);
      timer = setTimeout(connect, pause);
    };
  }
  // A browser opens few connections to a server, so hidden pages close theirs.
  document.addEventListener("visibilitychange", connect);
  connect();

  // receive takes the parts that have changed. Without them, the whole page has; one that is being loaded may be older than them.
  function receive(event) {
    const { offset, digest, html } = JSON.parse(event.data);
    last = { from: offset, digest };
    html && !busy ? update(parse(html), false) : refresh();
  }

  async function refresh() {
    whole = true;
    if (busy) return;
    busy = true;
    while (whole) {
      whole = false;
      try {
        update(parse((await page(location)).text), true);
        connected(ended || source.readyState === EventSource.OPEN);
      } catch {
        whole = true;
        connected(false);
        await wait(pause);
      }
    }
    busy = false;
  }
  timeline.addEventListener("outgrown", () => busy || refresh());

  function update(fresh, all) {
    const main = fresh.querySelector("#run"), { start, end } = run.dataset;
    document.title = fresh.title;
    for (const name of ["start", "end", "now", "events"]) name in main.dataset ? (run.dataset[name] = main.dataset[name]) : delete run.dataset[name];
    for (const name of ["#summary", "#failures", "#tables"]) if (all || main.querySelector(name)) replace(run, main, name, "#summary");
    if (all) forget(timeline, main);
    for (const job of main.querySelectorAll("details.job")) merge(timeline, job);
    if (all) replace(run, main, "#axis");
    timeline.querySelector("#no-jobs")?.remove();
    times(run);
    if (!("events" in run.dataset)) {
      ended = true;
      connect();
    }
    timeline.changed();
    if (!all && (start !== run.dataset.start || end !== run.dataset.end)) refresh(); // all bars have moved
  }
}

// replace replaces a part of the page; it inserts a new part behind another one.
function replace(run, main, name, behind) {
  const old = run.querySelector(name), fresh = main.querySelector(name);
  if (!fresh) return old?.remove();
  if (!old) return run.querySelector(behind)?.after(fresh);
  if (old.outerHTML !== fresh.outerHTML) old.replaceWith(fresh);
}

// forget removes jobs and commands that are gone because the stream was rewritten.
function forget(timeline, main) {
  const there = new Set([...main.querySelectorAll("details.job, li.row")].map((e) => e.id));
  for (const old of timeline.querySelectorAll("details.job, li.row")) if (!there.has(old.id)) old.remove();
}

// merge updates a job, and keeps what the reader has opened and focused.
function merge(timeline, fresh) {
  const old = document.getElementById(fresh.id);
  if (!old) return (timeline.querySelector("details.job:last-of-type") ?? timeline.querySelector("#axis")).after(fresh);
  old.className = fresh.className;
  replace(old, fresh, "summary");
  for (const row of fresh.querySelectorAll("li.row")) {
    const before = document.getElementById(row.id);
    if (!before) {
      let list = old.querySelector("ol:last-of-type");
      if (!list) {
        list = fresh.querySelector("ol").cloneNode();
        old.querySelector(".note")?.remove();
        old.append(list);
      }
      list.append(row);
    } else if (before.outerHTML !== row.outerHTML) {
      const focused = before.contains(document.activeElement);
      before.replaceWith(row);
      if (focused) row.querySelector("a").focus({ preventScroll: true });
    }
  }
}
