// times shows each time of the page in the reader's zone, when it is pointed at or focused.
export function times(root) {
  for (const time of root.querySelectorAll("time[data-ms]")) {
    const at = new Date(Number(time.dataset.ms));
    time.dateTime = at.toISOString();
    time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
}

const seconds = (ms) => (ms < 1000 ? `${ms}ms` : ms < 60_000 ? `${Math.round(ms / 100) / 10}s` : ms < 3_600_000 ? `${Math.floor(ms / 60_000)}m${String(Math.round((ms % 60_000) / 1000)).padStart(2, "0")}s` : `${Math.floor(ms / 3_600_000)}h${String(Math.floor((ms % 3_600_000) / 60_000)).padStart(2, "0")}m`);

// duration writes milliseconds as the server does, more or less.
export const duration = (ms) => seconds(Math.max(0, Math.round(ms)));
