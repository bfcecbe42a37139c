// list keeps the list of runs up to date while it is seen.
import { times } from "./times.js";

const pause = 5000;

export function list(runs) {
  const status = document.querySelector("#connection");
  setInterval(async () => {
    if (document.hidden || runs.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location);
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#runs");
      if (fresh.innerHTML !== runs.innerHTML) runs.replaceChildren(...fresh.childNodes);
      times(runs);
      status.textContent = "";
    } catch {
      status.textContent = "Not connected: trying again …";
    }
  }, pause);
}
