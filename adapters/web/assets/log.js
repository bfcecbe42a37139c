// log follows a log while its command runs, until one scrolls up, and searches it.
import { again, page, parse } from "./connection.js";

const pause = 1000;

export function log(main) {
  search(main);
  if (!("live" in main.dataset)) return;
  const lines = main.querySelector(".lines"), end = main.querySelector("#end");
  const last = () => lines.querySelector("pre:last-of-type > a:last-of-type");
  const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
  if (!location.hash) scrollTo(0, document.documentElement.scrollHeight);
  again(async () => {
    // The last line may have grown: it comes again.
    const shown = Math.max(0, Number(last()?.textContent ?? 0) - 1);
    const { answer, text } = await page(`?after=${shown}`);
    const follow = atEnd();
    add(lines, [...parse(text).querySelectorAll("pre.block")], shown);
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
    if (answer.headers.get("Quire-Log") !== "ended") return false;
    end.textContent = "The command has ended.";
    return true;
  }, pause);
}

// add adds lines behind the first ones, and replaces those that are there.
function add(lines, blocks, shown) {
  const old = document.getElementById(`L${shown + 1}`);
  if (old) {
    while (old.nextSibling) old.nextSibling.remove();
    const block = old.parentNode;
    old.remove();
    if (blocks.length > 0 && block.childNodes.length > 0 && shown % 200 !== 0) block.append(...blocks.shift().childNodes);
    if (block.childNodes.length === 0) block.remove();
  }
  lines.append(...blocks);
}

function search(main) {
  const field = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search the log", ariaLabel: "Search the log" });
  const found = Object.assign(document.createElement("span"), { className: "note", role: "status" });
  const tools = document.createElement("p");
  tools.className = "tools";
  tools.append(field, found);
  main.querySelector("header").append(tools);
  let at = -1;
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const wanted = field.value.toLowerCase();
    const hits = wanted ? [...matches(main, wanted)] : [];
    if (hits.length === 0) return void (found.textContent = wanted ? "not found" : "");
    at = (at + (event.shiftKey ? -1 : 1) + hits.length) % hits.length;
    found.textContent = `${at + 1} of ${hits.length} lines`;
    location.replace(`#${hits[at]}`);
    field.focus({ preventScroll: true });
  });
  field.addEventListener("input", () => { at = -1; found.textContent = ""; });
}

// matches yields the ids of the lines that have a text.
function* matches(main, wanted) {
  for (const block of main.querySelectorAll("pre.block")) {
    if (!block.textContent.toLowerCase().includes(wanted)) continue;
    let id = "", text = "";
    for (const node of block.childNodes) {
      if (node.nodeName === "A") {
        if (id && text.toLowerCase().includes(wanted)) yield id;
        [id, text] = [node.id, ""];
      } else text += node.textContent;
    }
    if (id && text.toLowerCase().includes(wanted)) yield id;
  }
}
