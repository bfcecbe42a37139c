// list keeps the list of runs up to date while its tab is visible.
import { again, page, parse, pause } from "./connection.js";
import { times } from "./times.js";

export function list(runs) {
  let shown;
  again(async () => {
    if (document.hidden) return;
    const fresh = parse((await page(location)).text).querySelector("#runs");
    if (fresh.innerHTML === shown) return;
    shown = fresh.innerHTML;
    const chosen = new Set([...runs.querySelectorAll("input:checked")].map((box) => box.value));
    const focused = placeOf(document.activeElement);
    runs.replaceChildren(...fresh.childNodes);
    for (const box of runs.querySelectorAll("input")) box.checked = chosen.has(box.value);
    times(runs);
    focused?.().focus({ preventScroll: true });
  }, pause);

  // placeOf returns a function that finds the same element in the updated list: in the row of the same run, if there is one.
  function placeOf(element) {
    const row = element?.closest("#runs tr");
    const link = row?.querySelector("a").getAttribute("href");
    const at = row && [...row.querySelectorAll("a, time, input")].indexOf(element);
    return row && (() => {
      const same = [...runs.querySelectorAll("tr")].find((r) => r.querySelector("a")?.getAttribute("href") === link);
      return same?.querySelectorAll("a, time, input")[at] ?? runs.querySelector("a") ?? document.body;
    });
  }
}
