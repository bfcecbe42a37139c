// live keeps the page of a run up to date. Events say which rows have changed; the server renders them.
import { connected, page, parse, pause, wait } from "./connection.js";
import { times } from "./times.js";

const most = 500; // parts to fetch by name; with more, the address could exceed 8,000 characters

export function live(run) {
  const jobs = new Map(); // numbers of jobs, by id
  let changed = new Set(), whole = false, busy = false, ended = false;
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

  function receive(event) {
    const { rows, snapshot, offset, digest } = JSON.parse(event.data);
    last = { from: offset, digest };
    whole ||= Boolean(snapshot);
    for (const row of rows) {
      if (row.projection !== "jobs" && row.projection !== "timings.jobs") continue;
      jobs.set(row.job_id, row.index + 1);
      changed.add(`j${row.index + 1}`);
    }
    for (const row of rows) {
      if (row.projection !== "sh_events") continue;
      const job = jobs.get(row.job_id);
      job ? changed.add(`j${job}.${row.seq}`) : (whole = true);
    }
    refresh();
  }

  async function refresh() {
    if (busy) return;
    busy = true;
    while (changed.size > 0 || whole) {
      const parts = [...changed], all = whole || parts.length > most;
      changed = new Set();
      whole = false;
      try {
        await update(all ? null : parts);
        connected(ended || source.readyState === EventSource.OPEN);
      } catch {
        whole = true;
        connected(false);
        await wait(pause);
      }
    }
    busy = false;
  }

  async function update(parts) {
    const address = new URL(location);
    if (parts) address.searchParams.set("parts", parts.join(" "));
    const fresh = parse((await page(address)).text), main = fresh.querySelector("#run");
    document.title = fresh.title;
    for (const name of ["start", "end", "last"]) {
      if (name !== "last" && run.dataset[name] !== main.dataset[name] && parts) whole = true; // all bars have moved
      run.dataset[name] = main.dataset[name];
    }
    const timeline = run.querySelector("quire-timeline");
    replace(run, main, "#summary");
    replace(run, main, "#failures", "#summary");
    replace(run, main, "#tables");
    if (!parts) forget(timeline, main);
    for (const job of main.querySelectorAll("details.job")) merge(timeline, job);
    if (!parts) replace(run, main, "#axis");
    timeline.querySelector("#no-jobs")?.remove();
    times(run);
    if (!main.dataset.events) {
      ended = true;
      connect();
      delete run.dataset.events;
    }
    timeline.changed();
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
