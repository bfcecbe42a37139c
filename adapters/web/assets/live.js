// live keeps the page of a run up to date. Events say which rows have changed; the server draws them.
import { times } from "./times.js";

const most = 100; // parts that are fetched one by one

export function live(run) {
  const status = document.querySelector("#connection");
  let jobs = new Map(); // the numbers of jobs by their ids
  let changed = new Set(), whole = false, busy = false;

  const source = new EventSource(run.dataset.events);
  source.onopen = () => (status.textContent = "");
  source.onerror = () => {
    status.textContent = "Not connected: trying again …";
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
  source.onmessage = (event) => {
    status.textContent = "";
    const { rows, snapshot } = JSON.parse(event.data);
    whole ||= Boolean(snapshot);
    for (const row of rows) {
      if (row.projection === "jobs") {
        jobs.set(row.job_id, row.index + 1);
        changed.add(`j${row.index + 1}`);
      }
      if (row.projection === "timings.jobs") changed.add(`j${row.index + 1}`);
    }
    for (const row of rows) {
      if (row.projection !== "sh_events") continue;
      const job = jobs.get(row.job_id);
      job ? changed.add(`j${job}.${row.seq}`) : (whole = true);
    }
    refresh();
  };

  async function refresh() {
    if (busy) return;
    busy = true;
    try {
      while (changed.size > 0 || whole) {
        const parts = [...changed], all = whole || parts.length > most;
        changed = new Set();
        whole = false;
        await update(all ? null : parts);
      }
    } catch {
      whole = true; // and the next event tries again
    }
    busy = false;
  }

  async function update(parts) {
    const address = new URL(location);
    if (parts) address.searchParams.set("parts", parts.join(" "));
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = fresh.querySelector("#run");
    for (const name of ["start", "end", "last"]) {
      if (name !== "last" && run.dataset[name] !== main.dataset[name] && parts) whole = true; // all bars are elsewhere
      run.dataset[name] = main.dataset[name];
    }
    const timeline = run.querySelector("quire-timeline");
    replace(run, main, "#summary");
    replace(run, main, "#failures", "#summary");
    replace(run, main, "#tables");
    for (const job of main.querySelectorAll("details.job")) merge(timeline, job);
    if (!parts) replace(run, main, "#axis");
    timeline.querySelector("#no-jobs")?.remove();
    times(run);
    if (!main.dataset.events) {
      source.close();
      delete run.dataset.events;
    }
    timeline.changed();
  }
}

// replace puts a fresh part in the place of the old one; a new one comes behind another part.
function replace(run, main, name, behind) {
  const old = run.querySelector(name), fresh = main.querySelector(name);
  if (!fresh) return old?.remove();
  if (!old) return run.querySelector(behind)?.after(fresh);
  if (old.outerHTML !== fresh.outerHTML) old.replaceWith(fresh);
}

// merge brings a job up to date, and keeps what the reader has opened and focused.
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
