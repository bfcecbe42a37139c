// log follows a log while its command runs, until the reader scrolls up, and adds a search field.
import { again, page, parse } from "./connection.js";

const pause = 1000;

export function log(main) {
  search(main);
  if (!("live" in main.dataset)) return;
  const lines = main.querySelector(".lines"), end = main.querySelector("#end");
  const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
  if (!location.hash) scrollTo(0, document.documentElement.scrollHeight);
  let { from, after } = end.dataset; // where the next part begins: its offset, and the number of lines before it
  again(async () => {
    const { answer, text } = await page(`?after=${after}&from=${from}`);
    const fresh = parse(text), next = fresh.querySelector("p[data-from]");
    if (!next) throw new Error("the answer has no end");
    const follow = atEnd();
    add(lines, [...fresh.querySelectorAll("pre.block")], Number(after));
    ({ from, after } = next.dataset);
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
    if (answer.headers.get("Quire-Log") !== "ended") return false;
    end.textContent = "The command has ended.";
    return true;
  }, pause);
}

// add appends lines after the first shown ones. It replaces the lines behind those, since the last line may have grown.
function add(lines, blocks, shown) {
  const old = document.getElementById(`L${shown + 1}`);
  if (old) {
    for (const block of lines.querySelectorAll("pre.block")) if (block.compareDocumentPosition(old) & Node.DOCUMENT_POSITION_PRECEDING) block.remove();
    const block = old.parentNode;
    while (old.nextSibling) old.nextSibling.remove();
    old.remove();
    if (block.childNodes.length === 0) block.remove();
  }
  const last = lines.querySelector("pre.block:last-of-type");
  if (blocks.length > 0 && last && shown % 200 !== 0) last.append(...blocks.shift().childNodes);
  lines.append(...blocks);
}

function search(main) {
  const field = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search the log", ariaLabel: "Search the log" });
  const found = Object.assign(document.createElement("span"), { className: "note", role: "status" });
  const tools = document.createElement("p");
  tools.className = "tools";
  tools.append(field, found);
  main.querySelector("header").after(tools);
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

// matches yields the ids of the lines that contain a text.
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
