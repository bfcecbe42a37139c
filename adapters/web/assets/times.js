// times shows each time of the page in the reader's time zone when the reader points at it or focuses it.
export function times(root) {
  for (const time of root.querySelectorAll("time[data-ms]")) {
    const at = new Date(Number(time.dataset.ms));
    time.dateTime = at.toISOString();
    time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
}

// duration formats milliseconds as the server does.
export function duration(ms) {
  ms = Math.max(0, Math.round(ms));
  if (ms < 1000) return `${ms}ms`;
  const tenths = Math.round(ms / 100), minutes = Math.floor(tenths / 600), seconds = (tenths % 600) / 10;
  if (minutes === 0) return `${seconds.toFixed(1)}s`;
  if (minutes < 60) return `${minutes}m${seconds.toFixed(1).padStart(4, "0")}s`;
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m${two(seconds)}s`;
}
